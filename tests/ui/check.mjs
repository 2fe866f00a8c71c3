// check.mjs: test(name, fn) in the order of the file; the last line is "N passed, N failed". DROVER_TEST_ONLY: a word that names have to contain.
const tests = [];
export const test = (name, fn) => tests.push({ name, fn });

export async function run({ after, failing } = {}) {
  const only = process.env.DROVER_TEST_ONLY, chosen = tests.filter(t => !only || t.name.includes(only));
  let failed = 0;
  for (const t of chosen) {
    const began = Date.now();
    try {
      await t.fn();
      console.log(`ok     ${t.name} (${Date.now() - began} ms)`);
    } catch (e) {
      failed++;
      console.log(`FAILED ${t.name}\n${e?.stack || e}`);
      await failing?.(t.name.replace(/[^a-z0-9]+/gi, '-'));
    }
  }
  try { await after?.(); } catch (e) { failed++; console.log(`FAILED at the end\n${e?.stack || e}`); }
  console.log(`${chosen.length - Math.min(failed, chosen.length)} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
