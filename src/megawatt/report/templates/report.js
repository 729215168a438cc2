(function () {
  "use strict";
  var root = document.documentElement;
  var specs = JSON.parse(document.getElementById("specs").textContent);
  var charts = {};
  var PRINT_WIDTH = 660;

  function colour(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  function themeOf() {
    var ink = colour("--ink"), soft = colour("--soft"), rule = colour("--rule"), page = colour("--panel");
    var font = getComputedStyle(document.body).fontFamily;
    var axis = {
      axisLine: { lineStyle: { color: soft } },
      axisTick: { lineStyle: { color: soft } },
      axisLabel: { color: soft, fontSize: 12, textBorderColor: page, textBorderWidth: 3 },
      nameTextStyle: { color: soft, fontSize: 12 },
      splitLine: { lineStyle: { color: rule } },
      splitArea: { show: false }
    };
    var label = { color: ink, textBorderColor: page, textBorderWidth: 3 };
    var mark = { lineStyle: { color: soft }, label: { color: soft, textBorderColor: page, textBorderWidth: 3 } };
    return {
      darkMode: root.dataset.theme === "dark",
      backgroundColor: "transparent",
      textStyle: { fontFamily: font, color: ink },
      categoryAxis: Object.assign({}, axis, { splitLine: { show: false } }),
      valueAxis: Object.assign({}, axis, { axisLine: { show: false }, axisTick: { show: false } }),
      bar: { itemStyle: { borderColor: page, borderWidth: 0.5 }, label: label, markLine: mark },
      line: { label: label, markLine: mark },
      scatter: { label: label },
      graph: { label: label },
      heatmap: { itemStyle: { borderWidth: 0 } },
      visualMap: { textStyle: { color: soft } },
      tooltip: {
        backgroundColor: page, borderColor: rule, textStyle: { color: ink, fontSize: 13 },
        axisPointer: { lineStyle: { color: soft }, shadowStyle: { color: soft, opacity: 0.12 } }
      }
    };
  }

  function people(value) {
    if (value === null || value === undefined || value === "-") { return "–"; }
    if (Array.isArray(value)) { value = value[value.length - 1]; }
    if (typeof value !== "number") { return String(value); }
    var digits = Math.abs(value) >= 1000 ? 0 : undefined;
    var text = digits === 0 ? Math.round(Math.abs(value)).toString() : String(parseFloat(Math.abs(value).toPrecision(6)));
    var halves = text.split(".");
    halves[0] = halves[0].replace(/\B(?=(\d{3})+$)/g, "\u202f");
    return (value < 0 ? "\u2212" : "") + halves.join(".");
  }

  function dressAxes(option, width) {
    [].concat(option.xAxis || [], option.yAxis || []).forEach(function (axis) {
      // Row names stand inside the plot; what does not fit ends in an ellipsis (the table has it all).
      if (axis.axisLabel && axis.axisLabel.inside) {
        axis.axisLabel.width = width - 50;
        axis.axisLabel.overflow = "truncate";
      }
      if (axis.type === "value") { axis.axisLabel = Object.assign({ formatter: people }, axis.axisLabel); }
    });
    if (option.series.length && option.series[0].type === "heatmap") {
      option.xAxis.axisLabel.formatter = function (day) { return day.split(" ").pop(); };
    }
  }

  // Heat maps travel as one value per hour of the year.
  function unpack(spec) {
    if (!spec.hours.length) { return; }
    var cells = [];
    spec.hours.forEach(function (value, hour) {
      if (value !== null) { cells.push([Math.floor(hour / 24), hour % 24, value]); }
    });
    spec.option.series[0].data = cells;
  }

  // What JSON cannot carry: how axes and tooltips write their numbers.
  function dress(spec, width) {
    var option = spec.option;
    unpack(spec);
    dressAxes(option, width);
    option.series.forEach(function (series, index) {
      var unit = spec.units[Math.min(index, spec.units.length - 1)] || "";
      if (series.type === "scatter" && series.silent && series.label) {
        series.label.width = width - 50;
        series.label.overflow = "truncate";
      }
      if (series.tooltip && (series.tooltip.formatter || series.tooltip.show === false)) { return; }
      if (series.type === "scatter" && series.dimensions) {
        series.tooltip = {
          formatter: function (point) {
            return series.dimensions.map(function (name, n) {
              return name + " <b>" + people(point.value[n]) + "</b>";
            }).join("<br>");
          }
        };
        return;
      }
      if (series.type === "graph") {
        var names = {};
        series.data.forEach(function (node) { names[node.id] = node.name; });
        series.tooltip = {
          formatter: function (point) {
            var told = point.dataType === "edge" ? names[point.data.source] + " pays " + names[point.data.target] : point.name;
            return told + "<br><b>" + people(point.data.value) + "\u202f" + unit + "</b>";
          }
        };
        return;
      }
      if (series.type === "heatmap") {
        series.tooltip = {
          formatter: function (point) {
            var days = option.xAxis.data, hours = option.yAxis.data, cell = point.value;
            return days[cell[0]] + ", " + hours[cell[1]] + "<br><b>" + people(cell[2]) + "\u202f" + unit + "</b>";
          }
        };
        return;
      }
      series.tooltip = { valueFormatter: function (value) { return people(value) + (unit ? "\u202f" + unit : ""); } };
    });
    return option;
  }

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
