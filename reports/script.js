// Sorting, filtering and tips. Nothing on a page depends on this file: without it every table and figure is complete.
(function () {
  'use strict';

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
  document.querySelectorAll('table[data-sortable]').forEach(function (table) {
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows);
    table.querySelectorAll('thead th').forEach(function (head, column) {
      // Beside the heading's text, not around it: the text may hold a link.
      var button = document.createElement('button');
      button.type = 'button';
      button.setAttribute('aria-label', 'Sort by ' + head.textContent.trim());
      head.appendChild(button);
      button.addEventListener('click', function () {
        var direction = head.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
        table.querySelectorAll('thead th').forEach(function (other) { other.removeAttribute('aria-sort'); });
        head.setAttribute('aria-sort', direction);
        var sign = direction === 'ascending' ? 1 : -1;
        rows.map(function (row, i) { return { row: row, i: i, key: keyOf(row.cells[column]) }; })
          .sort(function (a, b) { return compare(a.key, b.key, sign) || a.i - b.i; })
          .forEach(function (item) { body.appendChild(item.row); });
      });
    });
    if (rows.length < 12) return;
    var input = document.createElement('input');
    input.type = 'search';
    input.className = 'filter';
    input.placeholder = 'Filter rows';
    input.setAttribute('aria-label', 'Filter the rows of the table below');
    input.addEventListener('input', function () {
      var words = input.value.toLowerCase().split(/\s+/);
      rows.forEach(function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !words.every(function (word) { return text.indexOf(word) >= 0; });
      });
    });
    var box = table.closest('.box') || table;
    box.parentNode.insertBefore(input, box);
  });

  // ---- tips: what a number or a mark of a figure is, from its data-tip or its id ----
  var tip = null;
  function hide() { if (tip) { tip.remove(); tip = null; } }
  function show(target) {
    var text = target.getAttribute('data-tip');
    if (!text) return;
    hide();
    tip = document.createElement('div');
    tip.className = 'tip';
    tip.setAttribute('role', 'tooltip');
    tip.textContent = text;
    document.body.appendChild(tip);
    var box = target.getBoundingClientRect();
    var left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 8));
    tip.style.left = left + window.scrollX + 'px';
    tip.style.top = box.bottom + window.scrollY + 6 + 'px';
  }
  document.addEventListener('mouseover', function (event) {
    var target = event.target.closest && event.target.closest('[data-tip]');
    if (target) show(target); else hide();
  });
  document.addEventListener('focusin', function (event) {
    var target = event.target.closest && event.target.closest('[data-tip]');
    if (target) show(target); else hide();
  });
  document.addEventListener('keydown', function (event) { if (event.key === 'Escape') hide(); });
})();
