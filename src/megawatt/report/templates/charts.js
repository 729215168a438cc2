// What every chart of megawatt shares: colours of the theme, numbers for people, what JSON cannot carry.
(function () {
  "use strict";
  var root = document.documentElement;

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
      heatmap: { itemStyle: { borderWidth: 0 }, label: label },
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

  window.megawatt = { colour: colour, themeOf: themeOf, people: people, dress: dress };
})();
