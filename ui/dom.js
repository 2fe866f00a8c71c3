// dom.js: what a view shows, as plain objects, and the few changes that bring the page there. Nodes that stay keep focus, selection and input.
//
//   h('button', { class: 'x', onclick: f, key: id }, 'text', [more])   an element; null, false and '' are left out
//   draw(root, nodes)                                                  makes root's children like nodes
// Properties: on... are handlers; value and checked are set once, when the element is made (what was typed is never undone), unless
// `force` is set; `own: fn(element)` makes the content the function's own affair; `made: fn(element)` is called once when it is in the page.

const SVG = 'http://www.w3.org/2000/svg';
const ONCE = new Set(['value', 'checked', 'own', 'made', 'key', 'force']);

export function h(tag, props, ...kids) {
  return { tag, props: props || {}, kids: kids.flat(Infinity).filter(k => k !== null && k !== undefined && k !== false && k !== '') };
}

function setProp(el, name, value, old) {
  if (value === old) return;
  if (name.startsWith('on')) el[name] = value || null;
  else if (name === 'disabled' || name === 'hidden' || name === 'open' || name === 'indeterminate') el[name] = !!value;
  else if (value === null || value === undefined || value === false) el.removeAttribute(name);
  else el.setAttribute(name, value === true ? '' : value);
}

function setProps(el, props, old) {
  for (const name in old) if (!(name in props) && !ONCE.has(name)) setProp(el, name, null, old[name]);
  for (const name in props) if (!ONCE.has(name)) setProp(el, name, props[name], old[name]);
  if (props.force) {
    if ('value' in props && el.value !== String(props.value)) el.value = props.value;
    if ('checked' in props) el.checked = !!props.checked;
  }
}

function make(node, svg) {
  if (typeof node !== 'object') return document.createTextNode(node);
  svg = svg || node.tag === 'svg';
  const el = svg ? document.createElementNS(SVG, node.tag) : document.createElement(node.tag);
  setProps(el, node.props, {});
  el.node = node;
  if (node.props.own) node.props.own(el);
  else for (const kid of node.kids) el.append(make(kid, svg));
  if ('value' in node.props) el.value = node.props.value ?? '';         // behind the options of a select
  if ('checked' in node.props) el.checked = !!node.props.checked;
  if (node.props.made) queueMicrotask(() => node.props.made(el));
  return el;
}

function fits(el, node) {
  if (typeof node !== 'object') return el.nodeType === 3;
  return el.node && el.node.tag === node.tag && el.node.props.key === node.props.key;
}

function update(el, node) {
  if (typeof node !== 'object') {
    if (el.data !== String(node)) el.data = node;
    return;
  }
  const old = el.node;
  if (old === node) return;
  setProps(el, node.props, old.props);
  el.node = node;
  if (!node.props.own) drawKids(el, node.kids, el.namespaceURI === SVG);
}

function drawKids(el, kids, svg) {
  const old = [...el.childNodes], keyed = new Map(), used = new Set(), plan = [];
  for (const o of old) if (o.node?.props.key !== undefined) keyed.set(o.node.props.key, o);
  let at = 0;
  for (const kid of kids) {
    const key = kid.props?.key;
    let found = null;
    if (key !== undefined) {
      const o = keyed.get(key);
      if (o && !used.has(o) && fits(o, kid)) found = o;
    } else {
      const j = old.findIndex((o, i) => i >= at && !used.has(o) && o.node?.props.key === undefined && fits(o, kid));
      if (j >= 0) { found = old[j]; at = j + 1; }
    }
    if (found) used.add(found);
    plan.push(found);
  }
  for (const o of old) if (!used.has(o)) o.remove();
  let next = el.firstChild;
  kids.forEach((kid, i) => {
    const found = plan[i];
    if (found) {
      if (found === next) next = next.nextSibling;
      else el.insertBefore(found, next);
      update(found, kid);
    } else {
      el.insertBefore(make(kid, svg), next);
    }
  });
}

export function draw(root, nodes) {
  drawKids(root, [nodes].flat(Infinity).filter(k => k !== null && k !== undefined && k !== false && k !== ''), false);
}

// Runs fn once before the next picture, however often it was asked for. A hidden page has no pictures, so a timer stands in.
export function onceAFrame(fn) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    const go = () => { if (waiting) { waiting = false; fn(); } };
    if (document.hidden) setTimeout(go, 50);
    else requestAnimationFrame(go);
  };
}
