// Sorting, filtering, tips, the page's state in its address, and a note on old versions. Nothing on a page depends on this file: without it every
// table and figure is complete, and every link works.
(function () {
  'use strict';
  var list = function (selector, from) { return Array.prototype.slice.call((from || document).querySelectorAll(selector)); };

  // ---- names: what the address calls a table or a fold, by the nearest id, so that other parts of a page may come and go ----
  function nameAll(selector) {
    var named = [];
    var counts = {};
    list(selector).forEach(function (element) {
      var home = element.id ? element : element.closest('figure[id], section[id], details[id]');
      var name = home ? home.id : selector.slice(0, 1);
      counts[name] = (counts[name] || 0) + 1;
      named.push({ element: element, name: counts[name] > 1 || !home ? name + '~' + counts[name] : name });
    });
    return named;
  }

  // ---- sort and filter: tables that ask for it with data-sortable ----
  function keyOf(cell) {
    var given = cell.getAttribute('data-value');
    if (given !== null) return Number(given);
    return cell.textContent.trim().toLowerCase();
  }
  // What is missing from a column of numbers stays at its end, whichever way the numbers run.
  function compare(a, b, sign) {
    if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
    if (typeof a === 'number') return -1;
    if (typeof b === 'number') return 1;
    return sign * (a < b ? -1 : a > b ? 1 : 0);
  }
  var tables = nameAll('table[data-sortable]').map(function (named) {
    var table = named.element, body = table.tBodies[0], rows = Array.prototype.slice.call(body.rows), heads = list('thead th', table);
    var self = { element: table, name: named.name, sorted: 0, words: '', sort: sort, filter: filter };
    /** `by` is a column counted from 1, negative for falling; 0 is the order in which the page came. */
    function sort(by) {
      var column = Math.abs(by) - 1, sign = by < 0 ? -1 : 1;
      if (!(column < heads.length)) return;
      self.sorted = by;
      heads.forEach(function (head, i) {
        if (i === column) head.setAttribute('aria-sort', sign > 0 ? 'ascending' : 'descending'); else head.removeAttribute('aria-sort');
      });
      rows.map(function (row, i) { return { row: row, i: i, key: by ? keyOf(row.cells[column]) : 0 }; })
        .sort(function (a, b) { return compare(a.key, b.key, sign) || a.i - b.i; })
        .forEach(function (item) { body.appendChild(item.row); });
    }
    heads.forEach(function (head, i) {
      // Beside the heading's text, not around it: the text may hold a link.
      var button = document.createElement('button');
      button.type = 'button';
      button.setAttribute('aria-label', 'Sort by ' + head.textContent.trim());
      head.appendChild(button);
      button.addEventListener('click', function () { sort(self.sorted === i + 1 ? -i - 1 : i + 1); write(); });
    });
    var input, told;
    function filter(text) {
      if (!input) return;
      self.words = text;
      if (input.value !== text) input.value = text;
      var words = text.toLowerCase().split(/\s+/), shown = 0;
      rows.forEach(function (row) {
        var own = row.textContent.toLowerCase();
        row.hidden = !words.every(function (word) { return own.indexOf(word) >= 0; });
        if (!row.hidden) shown++;
      });
      told.textContent = text.trim() ? shown + ' of ' + rows.length + ' rows' : '';
    }
    if (rows.length >= 12) {
      input = document.createElement('input');
      input.type = 'search';
      input.className = 'filter';
      input.placeholder = 'Filter rows';
      input.setAttribute('aria-label', 'Filter the rows of the table below');
      input.addEventListener('input', function () { filter(input.value); writeSoon(); });
      told = document.createElement('span');
      told.className = 'filtered';
      told.setAttribute('role', 'status');
      var box = table.closest('.box') || table;
      box.parentNode.insertBefore(input, box);
      box.parentNode.insertBefore(told, box);
    }
    return self;
  });

  // ---- state in the address: ?sort.NAME=-2&filter.NAME=nf4&open=NAME; the fragment stays free for anchors. From file:// too ----
  var folds = nameAll('details').map(function (named) { return { element: named.element, name: named.name, open: named.element.open }; });
  var waiting = 0;
  function write() {
    clearTimeout(waiting);
    waiting = 0;
    var query = new URLSearchParams(location.search);
    Array.from(query.keys()).forEach(function (key) { if (/^(sort\.|filter\.|open$|shut$)/.test(key)) query.delete(key); });
    tables.forEach(function (table) {
      if (table.sorted) query.set('sort.' + table.name, String(table.sorted));
      if (table.words.trim()) query.set('filter.' + table.name, table.words);
    });
    folds.forEach(function (fold) { if (fold.element.open !== fold.open) query.append(fold.open ? 'shut' : 'open', fold.name); });
    var text = query.toString();
    // Where the address may not be changed (a page shown inside another) the page works on.
    try { history.replaceState(history.state, '', location.pathname + (text ? '?' + text : '') + location.hash); } catch (refused) { return; }
  }
  // Browsers refuse more than some hundred changes of the address in half a minute.
  function writeSoon() { clearTimeout(waiting); waiting = setTimeout(write, 300); }
  function restore() {
    // A click on a link in the page comes here too: what is shown and not yet written goes first.
    if (waiting) { write(); return; }
    var query = new URLSearchParams(location.search), open = query.getAll('open'), shut = query.getAll('shut');
    tables.forEach(function (table) {
      var by = parseInt(query.get('sort.' + table.name), 10) || 0, words = query.get('filter.' + table.name) || '';
      if (by !== table.sorted) table.sort(by);
      if (words !== table.words) table.filter(words);
    });
    folds.forEach(function (fold) {
      var wanted = fold.open ? shut.indexOf(fold.name) < 0 : open.indexOf(fold.name) >= 0;
      if (fold.element.open !== wanted) fold.element.open = wanted;
    });
  }
  // An anchor inside a fold, or in a row that a filter hides, is shown before the page scrolls to it.
  function reveal() {
    var target = null;
    try { target = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch (malformed) { return; }
    if (!target) return;
    for (var at = target; at; at = at.parentElement) {
      if (at.tagName === 'DETAILS' && !at.open) at.open = true;
      if (at.hidden) tables.forEach(function (table) { if (table.element.contains(at)) table.filter(''); });
    }
    target.scrollIntoView();
  }
  document.addEventListener('toggle', function (event) {
    if (event.target.tagName === 'DETAILS') write();
  }, true);
  window.addEventListener('popstate', restore);
  window.addEventListener('hashchange', reveal);
  restore();
  if (location.hash) reveal();

  // ---- tips: what a number is. On hover and focus; on touch the first tap shows it, with a link, and the second follows ----
  var tip = null, about = null, leaving = 0, touched = false;
  function hide() {
    clearTimeout(leaving);
    if (!tip) return;
    tip.remove();
    about.removeAttribute('aria-describedby');
    tip = about = null;
  }
  function line(tag, text) {
    if (!text) return;
    var part = document.createElement(tag);
    part.textContent = text;
    tip.appendChild(part);
  }
  function show(link, tappable) {
    clearTimeout(leaving);
    if (about === link) return;
    hide();
    var address = link.getAttribute('href'), anchor = decodeURIComponent(address.split('#')[1] || ''), cell = /cells\/(.*)\.html/.exec(address);
    var how = address.charAt(0) === '#' ? document.getElementById(anchor) : null;
    tip = document.createElement('div');
    about = link;
    tip.className = 'tip';
    tip.id = 'tip';
    tip.setAttribute('role', 'tooltip');
    line('p', how ? how.textContent : link.getAttribute('data-tip'));
    line('code', how ? '' : link.id || anchor);
    if (cell) line('p', 'computed by ' + decodeURIComponent(cell[1]).replace('~', ':').replace(/~/g, '/'));
    if (tappable) {
      line('a', 'open its record');
      tip.lastChild.setAttribute('href', address);
    }
    document.body.appendChild(tip);
    link.setAttribute('aria-describedby', 'tip');
    var box = link.getClientRects()[0] || link.getBoundingClientRect(), frame = document.documentElement;
    var left = Math.max(8, Math.min(box.left, frame.clientWidth - tip.offsetWidth - 8));
    var below = box.bottom + tip.offsetHeight + 12 < frame.clientHeight || box.top < tip.offsetHeight + 12;
    tip.style.left = left + window.scrollX + 'px';
    tip.style.top = (below ? box.bottom + 4 : box.top - tip.offsetHeight - 4) + window.scrollY + 'px';
  }
  function numberAt(event) { return event.target.closest ? event.target.closest('a.num') : null; }
  document.addEventListener('pointerdown', function (event) { touched = event.pointerType === 'touch'; }, true);
  document.addEventListener('pointerover', function (event) {
    if (event.pointerType === 'touch') return;
    var link = numberAt(event);
    if (link) show(link, false);
    // A pointer may go from the number onto its tip, to select what stands there.
    else if (tip && tip.contains(event.target)) clearTimeout(leaving);
    else if (tip && about !== document.activeElement) { clearTimeout(leaving); leaving = setTimeout(hide, 250); }
  });
  document.addEventListener('focusin', function (event) {
    var link = numberAt(event);
    if (touched) return;
    if (link) show(link, false); else if (!tip || !tip.contains(event.target)) hide();
  });
  document.addEventListener('click', function (event) {
    if (!touched) return;
    var link = numberAt(event);
    if (link && link !== about) { event.preventDefault(); show(link, true); } else if (!tip || !tip.contains(event.target)) hide();
  });
  document.addEventListener('keydown', function (event) {
    touched = false;
    if (event.key === 'Escape') hide();
  });

  // ---- a published version that is not the newest says so: what lists the versions lies beside it, and is asked for only there ----
  var root = document.currentScript.src.replace(/assets\/script\.js.*$/, '');
  var version = /\/(v\d+)\/$/.exec(root);
  if (version) {
    var versions = document.createElement('script');
    versions.src = root + '../versions.js';
    versions.onload = function () {
      var known = window.bitwidthVersions || {};
      if (!known.latest || known.latest === version[1]) return;
      var banner = document.createElement('p');
      var link = document.createElement('a');
      banner.className = 'old-version';
      banner.setAttribute('role', 'note');
      banner.textContent = 'This is version ' + version[1] + ', kept as it was. ';
      link.href = root + '../latest/' + location.href.slice(root.length).replace(/[?#].*$/, '');
      link.textContent = 'The newest is ' + known.latest + '.';
      banner.appendChild(link);
      // Numbers here that were found to be wrong since: each is marked, and leads to what the newest version says of it.
      var wrong = (Array.isArray(known.wrong) ? known.wrong : []).filter(function (id) { return document.getElementById(id); });
      wrong.forEach(function (id) {
        var mark = document.createElement('a');
        mark.className = 'erratum';
        mark.href = root + '../latest/errata/' + id + '.html';
        mark.textContent = '‡ found wrong since';
        var number = document.getElementById(id);
        number.parentNode.insertBefore(mark, number.nextSibling);
      });
      if (wrong.length > 0) banner.appendChild(document.createTextNode(' ' + wrong.length + (wrong.length > 1 ? ' numbers' : ' number') + (wrong.length > 1 ? ' on this page were' : ' on this page was') + ' found wrong since, marked ‡.'));
      var main = document.querySelector('main');
      main.insertBefore(banner, main.firstChild);
    };
    document.head.appendChild(versions);
  }

  // ---- computing again: nothing of it is loaded before its button is pressed ----
  if (root) list('section.rerun > p > button').forEach(function (button) {
    var section = button.closest('section'), told = document.createElement('span');
    told.setAttribute('role', 'status');
    button.parentNode.appendChild(told);
    button.hidden = false;
    // It can be pressed again: a connection that broke may be back.
    var cannot = function (why) { button.disabled = false; told.textContent = ' ' + why; };
    var open = function () { window.bitwidthRerun(section, root).catch(function (error) { cannot(error.message); }); };
    button.addEventListener('click', function () {
      button.disabled = true;
      told.textContent = '';
      if (window.bitwidthRerun) { open(); return; }
      var program = document.createElement('script');
      program.src = root + 'assets/rerun.js';
      program.onload = function () {
        if (window.bitwidthRerun) open(); else cannot('The program cannot run: assets/rerun.js is damaged, or this browser is too old for it.');
      };
      program.onerror = function () {
        program.remove();
        cannot('The program cannot be loaded: assets/rerun.js is missing from this copy of the report, or the connection broke.');
      };
      document.head.appendChild(program);
    });
  });
})();
