// The API in a browser, without any download: the JSON with links that can be followed, filters, and forms for what may be created, changed
// and done. Has: data (the answer), schemas (URL of the schemas), docJson, user. Everything is made as text nodes, nothing as markup.
(function () {
  'use strict';
  function $(id) { return document.getElementById(id); }
  function el(name, text, to) {
    var e = document.createElement(name);
    if (text !== undefined && text !== null) e.appendChild(document.createTextNode(text));
    if (to) to.appendChild(e);
    return e;
  }
  function json() {
    var pre = $('json'), text = JSON.stringify(data, null, 2), at = 0, re = /"(https?:[^"\s]*)"/g, m;
    while ((m = re.exec(text))) {
      pre.appendChild(document.createTextNode(text.slice(at, m.index + 1)));
      var a = el('a', m[1], pre);
      a.href = m[1];
      at = m.index + m[0].length - 1;
    }
    pre.appendChild(document.createTextNode(text.slice(at)));
  }
  function csrf() {
    var m = /(?:^|; )CSRF=([0-9a-fA-F]+)/.exec(document.cookie);
    return m ? m[1] : '';
  }
  function get(url, then) {
    var x = new XMLHttpRequest();
    x.onload = function () { if (x.status === 200) then(JSON.parse(x.responseText)); };
    x.open('GET', url + '?_format=json');
    x.setRequestHeader('Accept', 'application/json');
    x.send();
  }
  function send(method, url, body, out) {
    var x = new XMLHttpRequest();
    x.onload = function () {
      out.textContent = x.status + ' ' + x.responseText;
      if (x.status < 300) location.reload();
    };
    x.open(method, url + (url.indexOf('?') < 0 ? '?' : '&') + '_format=json');
    x.setRequestHeader('Content-Type', 'application/json');
    x.setRequestHeader('X-API-CSRF', csrf());
    x.send(JSON.stringify(body));
  }
  // What was typed, as the field's type wants it: text stays text, anything else is JSON.
  function value(type, text) {
    if (type === 'string' || type === 'password' || type === 'enum' || type === 'date' || type.indexOf('reference[') === 0) return text;
    try { return JSON.parse(text); } catch (e) { return text; }
  }
  function input(f, name, now, to) {
    var row = el('label', name + (f.required ? ' *' : '') + ' (' + f.type + ') ', el('div', null, to));
    var i = el(f.options ? 'select' : 'input', null, row);
    if (f.options) {
      el('option', '', i);
      for (var k = 0; k < f.options.length; k++) el('option', f.options[k], i);
    }
    var from = now !== undefined && now !== null ? now : f['default'];
    i.value = from === undefined || from === null ? '' : typeof from === 'object' ? JSON.stringify(from) : from;
    i.was = i.value;
    i.field = name;
    i.kind = f.type;
    return i;
  }
  function form(title, method, url, fields, may, now) {
    var box = el('details', null, $('forms'));
    el('summary', title, box);
    var f = el('form', null, box), all = [], names = Object.keys(fields || {}).sort();
    for (var k = 0; k < names.length; k++)
      if (!may || fields[names[k]][may]) all.push(input(fields[names[k]], names[k], now && now[names[k]], f));
    el('button', title, f).type = 'submit';
    var out = el('pre', null, box);
    f.onsubmit = function () {
      var body = {};
      for (var i = 0; i < all.length; i++)
        if (now ? all[i].value !== all[i].was : all[i].value !== '') body[all[i].field] = value(all[i].kind, all[i].value);
      send(method, url, body, out);
      return false;
    };
  }
  function filters() {
    var list = data.filters ? Object.keys(data.filters).sort() : [];
    if (!list.length) return;
    var f = el('form', null, $('filters')), which = el('select', null, f), text = el('input', null, f);
    for (var i = 0; i < list.length; i++) el('option', list[i], which);
    el('button', 'Filter', f).type = 'submit';
    f.onsubmit = function () {
      location.search = '?' + encodeURIComponent(which.value) + '=' + encodeURIComponent(text.value);
      return false;
    };
  }
  function forms() {
    var type = data.type === 'collection' ? data.resourceType : data.type, self = data.links && data.links.self;
    if (!type || type === 'error' || type === 'schema' || type === 'apiVersion') return;
    get(schemas + '/' + type, function (s) {
      if (data.type === 'collection') {
        if ((s.collectionMethods || []).indexOf('POST') >= 0) form('Create ' + type, 'POST', self.split('?')[0], s.resourceFields, 'create', null);
        return;
      }
      if ((s.resourceMethods || []).indexOf('PUT') >= 0) form('Edit', 'PUT', self, s.resourceFields, 'update', data);
      if ((s.resourceMethods || []).indexOf('DELETE') >= 0) form('Delete', 'DELETE', self, {}, null, null);
      Object.keys(data.actions || data.actionLinks || {}).sort().forEach(function (name) {
        var url = (data.actions || data.actionLinks)[name], a = (s.resourceActions || {})[name];
        if (a && a.input) get(schemas + '/' + a.input, function (t) { form(name, 'POST', url, t.resourceFields, 'create', null); });
        else form(name, 'POST', url, {}, null, null);
      });
    });
  }
  json();
  filters();
  forms();
})();
