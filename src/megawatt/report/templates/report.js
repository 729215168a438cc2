(function () {
  "use strict";
  var root = document.documentElement;
  var specs = JSON.parse(document.getElementById("specs").textContent);
  var charts = {};
  var PRINT_WIDTH = 660;

  var themeOf = window.megawatt.themeOf, dress = window.megawatt.dress;

  function draw() {
    var theme = themeOf();
    document.querySelectorAll("[data-plot]").forEach(function (box) {
      var id = box.dataset.plot, spec = specs[id];
      charts[id] = echarts.init(box, theme, { renderer: spec.renderer });
      charts[id].setOption(dress(spec, box.clientWidth));
    });
  }

  function setTheme(name) {
    if (root.dataset.theme === name) { return; }
    root.dataset.theme = name;
    var button = document.getElementById("theme");
    button.setAttribute("aria-pressed", String(name === "dark"));
    var theme = themeOf();
    Object.keys(charts).forEach(function (id) { charts[id].setTheme(theme); });
  }

  function fit(width) {
    Object.keys(charts).forEach(function (id) { charts[id].resize(width ? { width: width } : { width: "auto" }); });
  }

  function watchSize() {
    var pending = 0, width = window.innerWidth;
    window.addEventListener("resize", function () {
      // A phone's address bar changes the height only, on every scroll.
      if (window.innerWidth === width) { return; }
      width = window.innerWidth;
      cancelAnimationFrame(pending);
      pending = requestAnimationFrame(function () { fit(0); });
    });
    var screenTheme = null;
    window.addEventListener("beforeprint", function () {
      screenTheme = root.dataset.theme;
      setTheme("light");
      fit(PRINT_WIDTH);
    });
    window.addEventListener("afterprint", function () {
      setTheme(screenTheme || "light");
      fit(0);
    });
  }

  function wireTheme() {
    var button = document.getElementById("theme");
    button.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
    button.addEventListener("click", function () { setTheme(root.dataset.theme === "dark" ? "light" : "dark"); });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function (event) {
      setTheme(event.matches ? "dark" : "light");
    });
  }

  function wireLegends() {
    document.querySelectorAll("button.key").forEach(function (key) {
      key.addEventListener("click", function () {
        var shown = key.getAttribute("aria-pressed") !== "true";
        key.setAttribute("aria-pressed", String(shown));
        charts[key.dataset.chart].dispatchAction({
          type: shown ? "legendSelect" : "legendUnSelect", name: key.dataset.series
        });
      });
    });
  }

  function wireFilters() {
    var room = document.getElementById("filter-room");
    if (!room) { return; }
    var kind = document.getElementById("filter-kind"), text = document.getElementById("filter-text");
    var count = document.getElementById("filter-count");
    var rows = Array.prototype.slice.call(document.querySelectorAll("table.assumptions tbody tr"));
    function apply() {
      var wanted = text.value.trim().toLowerCase(), shown = 0;
      rows.forEach(function (row) {
        var keep = (!room.value || row.dataset.room === room.value) && (!kind.value || row.dataset.kind === kind.value) &&
          (!wanted || row.textContent.toLowerCase().indexOf(wanted) >= 0);
        row.hidden = !keep;
        shown += keep ? 1 : 0;
      });
      count.textContent = shown + " of " + rows.length + " assumptions";
    }
    room.addEventListener("change", apply);
    kind.addEventListener("change", apply);
    text.addEventListener("input", apply);
  }

  // A click on a name of a network lets it fail: colours by wave, and what the page says of it below.
  function wireNetworks() {
    Object.keys(charts).forEach(function (id) {
      var series = specs[id].option.series[0];
      if (series.type !== "graph") { return; }
      function fail(node) {
        var nodes = series.data.map(function (other, place) {
          var wave = Math.min(node.waves[place] || 0, series.colours.length - 1);
          return Object.assign({}, other, { itemStyle: { color: series.colours[wave] } });
        });
        charts[id].setOption({ series: [{ data: nodes }] });
      }
      charts[id].on("click", function (point) {
        if (point.dataType !== "node" || !point.data.waves.length) { return; }
        var told = document.getElementById("failure-" + point.data.id);
        fail(point.data);
        if (told) { told.open = true; }
      });
      document.querySelectorAll("details.failure").forEach(function (told) {
        told.addEventListener("toggle", function () {
          if (!told.open) { return; }
          document.querySelectorAll("details.failure[open]").forEach(function (other) {
            if (other !== told) { other.open = false; }
          });
          series.data.forEach(function (node) { if ("failure-" + node.id === told.id) { fail(node); } });
        });
      });
    });
  }

  wireTheme();
  wireLegends();
  wireFilters();
  draw();
  wireNetworks();
  watchSize();
  root.dataset.drawn = String(Object.keys(charts).length);
})();
