// api.js: requests to the server that served this page. Links in answers are followed by path only, so that a proxy's other name does not matter.

export class ApiError extends Error {
  constructor(status, body) {
    const text = body?.message && body?.detail && body.message !== body.detail ? `${body.message}: ${body.detail}` : body?.message || body?.detail;
    super(text || explain(body?.code, status));
    this.status = Number(status);
    this.code = body?.code || '';
    this.field = body?.fieldName || '';
  }
}

const EXPLAIN = {
  MissingRequired: 'must be given', NotUnique: 'is taken already', InvalidCharacters: 'has characters that are not allowed here',
  MinLengthExceeded: 'is too short', MaxLengthExceeded: 'is too long', MinLimitExceeded: 'is too small', MaxLimitExceeded: 'is too large',
  InvalidReference: 'names something that is not there', InvalidOption: 'is none of the possible values', InvalidFormat: 'cannot be read',
  NotNullable: 'must not be empty', ActionNotAvailable: 'this cannot be done in the present state', Conflict: 'something else is changing it at this moment: try again',
};
function explain(code, status) {
  return EXPLAIN[code] || (code ? `${code} (${status})` : status ? `the server answered ${status}` : 'the server cannot be reached');
}

export const session = { token: null, enforced: false, user: null, serverVersion: '', admin: false, onExpired: () => {} };

export function path(link) {
  const u = new URL(link, location.href);
  return u.pathname + u.search;
}

const cookie = name => (new RegExp(`(?:^|; )${name}=([^;]*)`).exec(document.cookie) || [])[1] || '';

export async function call(method, link, body, options = {}) {
  const headers = { Accept: 'application/json', 'X-API-No-Challenge': 'true' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && cookie('CSRF')) headers['X-API-CSRF'] = cookie('CSRF');
  if (options.project) headers['X-API-Project-Id'] = options.project;
  let answer, value = null;
  try {
    answer = await fetch(path(link), { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'same-origin', signal: options.signal });
    const text = await answer.text();
    if (options.text && answer.ok) return text;
    try { value = text ? JSON.parse(text) : null; } catch { value = answer.ok ? text : { message: text.slice(0, 300) }; }
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new ApiError(0, null);
  }
  session.serverVersion = answer.headers.get('X-Rancher-Version') || session.serverVersion;
  session.accountId = answer.headers.get('X-API-User-Id') || session.accountId;
  if (answer.status === 401 && session.enforced && !options.login) session.onExpired();
  if (!answer.ok) throw new ApiError(answer.status, value);
  return value;
}

export const get = (link, options) => call('GET', link, undefined, options);
export const post = (link, body = {}, options) => call('POST', link, body, options);
export const put = (link, body, options) => call('PUT', link, body, options);
export const del = (link, options) => call('DELETE', link, undefined, options);

// All pages of a collection.
export async function list(link, options) {
  let next = path(link), data = [];
  next += (next.includes('?') ? '&' : '?') + 'limit=-1';
  while (next) {
    const page = await get(next, options);
    data = data.concat(page.data || []);
    next = page.pagination?.next;
  }
  return data;
}

// An action that the resource offers now.
export function act(resource, name, body = {}) {
  const link = resource.actions?.[name];
  if (!link) throw new ApiError(422, { code: 'ActionNotAvailable' });
  return post(link, body);
}
export const can = (resource, name) => !!resource?.actions?.[name];

// ---- session ----
export async function loadSession() {
  const t = (await get('/v2-beta/token', { login: true })).data[0] || {};
  session.enforced = !!t.security;
  session.user = t.userIdentity?.name || t.userIdentity?.login || t.user || (t.security ? null : 'admin');
  session.signedIn = !t.security || !!t.user;
  session.admin = !t.security || t.userType === 'admin';
  session.identity = t.userIdentity;
  session.provider = t.authProvider;
  return session;
}

export async function logIn(name, password) {
  const t = await post('/v2-beta/token', { code: `${name}:${password}` }, { login: true });
  document.cookie = `token=${t.jwt}; path=/; SameSite=Lax${location.protocol === 'https:' ? '; Secure' : ''}`;
  await loadSession();
}

export async function logOut() {
  try { await del('/v2-beta/token/current', { login: true }); } catch { /* over is over */ }
  document.cookie = 'token=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT';
}

export function webSocket(link, protocols) {
  const u = new URL(link, location.href);
  return new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${u.pathname}${u.search}`, protocols || []);
}
