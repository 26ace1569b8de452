// The dashboard's only script: theme switch, copy button and refresh. Without it every page is complete, as of when it was loaded.
(function () {
  'use strict';
  var root = document.documentElement, key = 'posse-theme';
  try { var saved = localStorage.getItem(key); if (saved) root.dataset.theme = saved; } catch (e) {}

  function dark() { return root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches; }

  document.addEventListener('click', function (e) {
    var b = e.target.closest('[data-do]');
    if (!b) return;
    if (b.dataset.do === 'theme') {
      root.dataset.theme = dark() ? 'light' : 'dark';
      try { localStorage.setItem(key, root.dataset.theme); } catch (e) {}
    }
    if (b.dataset.do === 'copy') {
      var text = b.parentNode.querySelector('code').textContent;
      (navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject()).then(
        function () { b.textContent = 'Copied'; }, function () { b.textContent = 'Select and copy'; });
      setTimeout(function () { b.textContent = 'Copy'; }, 2000);
    }
  });

  // Refresh: the same page every 2 s. A fragment is replaced only if the hash of what it shows changed, and not while
  // someone selects text in it; open tables stay open, the keyboard's focus and sideways scrolling stay where they are.
  var every = 2000, waits = [1000, 2000, 4000, 8000, 10000], failures = 0, lostAt = 0, tag = '', spoken = 0, timer = 0;

  function busy(part) {
    var s = getSelection();
    return s && !s.isCollapsed && s.anchorNode && part.contains(s.anchorNode);
  }

  function controls(part) { return [].slice.call(part.querySelectorAll('a[href], button, summary, [tabindex]')); }

  function replace(page) {
    var structure = false;
    page.querySelectorAll('[data-live]').forEach(function (fresh) {
      var old = document.getElementById(fresh.id);
      if (!old) { structure = true; return; }
      if (old.dataset.live === fresh.dataset.live || busy(old)) return;
      var open = [].map.call(old.querySelectorAll('details'), function (d) { return d.open; });
      var left = [].map.call(old.querySelectorAll('.scroll'), function (s) { return s.scrollLeft; });
      var cells = [].map.call(old.querySelectorAll('td, .big'), function (c) { return c.textContent; });
      var focus = controls(old).indexOf(document.activeElement);
      old.replaceChildren.apply(old, fresh.childNodes);
      old.dataset.live = fresh.dataset.live;
      old.querySelectorAll('details').forEach(function (d, i) { d.open = !!open[i]; });
      old.querySelectorAll('.scroll').forEach(function (s, i) { s.scrollLeft = left[i] || 0; });
      if (focus >= 0 && controls(old)[focus]) controls(old)[focus].focus({ preventScroll: true });
      var now = old.querySelectorAll('td, .big');
      if (now.length === cells.length) now.forEach(function (c, i) { if (c.textContent !== cells[i]) c.classList.add('fresh'); });
    });
    document.querySelectorAll('main [data-live]').forEach(function (old) { if (!page.getElementById(old.id)) structure = true; });
    // A part that came or went (the first version, the first round) changes the page's outline: take it whole.
    var main = document.getElementById('main');
    if (structure && !busy(main)) main.replaceChildren.apply(main, page.getElementById('main').childNodes);
    document.body.dataset.asOf = page.body.dataset.asOf;
    speak(page.getElementById('announce').dataset.text);
  }

  function speak(text) {
    var place = document.getElementById('announce');
    if (!text || place.dataset.text === text || Date.now() - spoken < 10000) return;
    place.dataset.text = text;
    place.textContent = text;
    spoken = Date.now();
  }

  function lost(why, next) {
    var box = document.getElementById('lost');
    document.querySelectorAll('main [data-live]').forEach(function (part) { part.classList.toggle('stale', !!why); });
    box.hidden = !why;
    if (!why) return;
    box.querySelector('[data-lost=strong]').textContent = why;
    box.querySelector('[data-lost=text]').textContent = document.body.dataset.asOf ? 'Figures are as of ' + document.body.dataset.asOf + '.' : '';
    box.querySelector('[data-lost=then]').textContent = (next ? 'Trying again in ' + next / 1000 + '\u202fs. ' : '') + 'Nodes are not affected: they decide by themselves.';
  }

  function look() {
    clearTimeout(timer);
    if (document.hidden) return;
    fetch(location.href.split('#')[0], { headers: tag ? { 'If-None-Match': tag } : {}, cache: 'no-store', signal: AbortSignal.timeout(5000) }).then(function (r) {
      if (r.status === 304) return '';
      if (r.status === 401) { lost('This session has ended: the coordinator was started again.', 0); return null; }
      if (r.status === 404) return null; // an address that is no page: nothing to follow
      if (!r.ok) throw new Error(r.status);
      tag = r.headers.get('ETag') || '';
      return r.text();
    }).then(function (text) {
      if (text === null) return;
      if (lostAt) speak('Connected again.');
      failures = lostAt = 0;
      lost('');
      if (text) replace(new DOMParser().parseFromString(text, 'text/html'));
      timer = setTimeout(look, every);
    }).catch(function () {
      var wait = waits[Math.min(failures++, waits.length - 1)];
      lostAt = lostAt || Date.now();
      lost('No connection to the coordinator for ' + Math.round((Date.now() - lostAt) / 1000) + '\u202fs.', wait);
      if (failures === 1) speak('No connection to the coordinator.');
      timer = setTimeout(look, wait);
    });
  }

  document.addEventListener('DOMContentLoaded', function () {
    if (document.querySelector('[data-live]')) timer = setTimeout(look, every);
  });
  document.addEventListener('visibilitychange', function () { if (!document.hidden && document.querySelector('[data-live]')) look(); });
})();
