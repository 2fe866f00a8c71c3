// view.js: what every view has (init() is called once it is made): app, live (resources of the environment), base (path of its API), home (address of its pages), params, query, redraw, go.
export class View {
  constructor(context) { Object.assign(this, context); }
  // Loads something once and shows what went wrong in place of it.
  async load(name, fn) {
    this[name] = { busy: true, value: this[name]?.value };
    try { this[name] = { value: await fn() }; } catch (e) { this[name] = { error: e, value: this[name]?.value }; }
    this.redraw();
  }
}
