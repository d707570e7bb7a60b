/**
 * Draws the figures of every `figure[data-figures]` into its box, with uPlot: again when the box changes its size, the
 * browser its colours, or htmx the page. The legend and the table are there without it. Colours are the stylesheet's
 * alone: each entry of the legend has its own as `--series`.
 */
(() => {
  const GAP = 1.5;
  const { FONT, LABELS_FROM, filling, lineWords, areaWords, markWords, shade } = window.chartDrawing;
  const drawn = new Map();

  const style = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();
  const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
  const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
  const small = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
  const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
  const LENGTHS = [
    [172_800, 86_400, 'day'],
    [7_200, 3_600, 'hour'],
    [120, 60, 'minute'],
    [0, 1, 'second'],
  ];
  const unitWords = (value, unit) =>
    new Intl.NumberFormat('en', {
      style: 'unit',
      unit,
      unitDisplay: 'short',
      maximumFractionDigits: 1,
    }).format(value);

  function words(value, unit, isShort) {
    if (value === null || value === undefined) return '–';
    if (unit === 'percent') return `${fine.format(value)} %`;
    if (unit === 'seconds') {
      const [, seconds, name] = LENGTHS.find(([from]) => Math.abs(value) >= from);
      return unitWords(value / seconds, name);
    }
    if (isShort && Math.abs(value) >= 10_000) return compact.format(value);
    return unit === 'people' ? whole.format(value) : small.format(value);
  }

  const date = (options) => new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' });
  const DAY = date({ day: 'numeric', month: 'short' });
  const MONTH = date({ month: 'short', year: 'numeric' });
  const MINUTE = date({ hour: '2-digit', minute: '2-digit' });
  const FULL_DAY = date({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
  const FULL = date({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
  const axisWords = (seconds, step) =>
    (step >= 28 * 86_400 ? MONTH : step >= 86_400 || seconds % 86_400 === 0 ? DAY : MINUTE).format(
      seconds * 1_000,
    );

  /** Each with all that lie below it: the first is the top of the stack. A moment of which nothing is known is a gap. */
  function stacked(series, length) {
    const sums = series.map(() => new Array(length).fill(null));
    for (let at = 0; at < length; at += 1) {
      if (series.every(({ values }) => values[at] === null)) continue;
      let sum = 0;
      for (let index = series.length - 1; index >= 0; index -= 1) {
        sum += series[index].values[at] ?? 0;
        sums[index][at] = sum;
      }
    }
    return sums;
  }

  function seriesOptions({ kind, series, colours, card, isDense }) {
    const { spline, linear, bars } = uPlot.paths;
    if (kind === 'lines')
      return series.map(({ isForeseen }, index) => ({
        stroke: colours[index].colour,
        width: 2.2,
        paths: linear(),
        spanGaps: false,
        points: { show: false },
        ...(isForeseen ? { dash: [7, 5] } : {}),
      }));
    return series.map(({ texture }, index) => ({
      stroke: card,
      width: isDense ? 0 : GAP,
      fill: filling(texture, colours[index]),
      paths: kind === 'bars' ? bars({ size: [isDense ? 1 : 0.86, 64], gap: isDense ? 0 : 1 }) : spline(),
      points: { show: false },
    }));
  }

  function options(figure, { kind, unit, x, series, band, marks }, look) {
    const { colours, muted, line, text, card, box, sums } = look;
    const live = [...figure.querySelectorAll('.chart-value')];
    const when = figure.querySelector('.chart-when');
    const isDaily = x.every((at) => at % 86_400 === 0);
    const font = `12px ${FONT}`;
    const isStack = kind !== 'lines';
    // Bars of a hair’s breadth have no room for gaps.
    const isDense = kind === 'bars' && (box.clientWidth - 70) / x.length < 7;
    const longest = Math.max(...series.map(({ name }) => name.length));
    const right = !isStack && box.clientWidth >= LABELS_FROM ? Math.min(180, longest * 7 + 20) : 26;
    const axis = { stroke: muted, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const step = x.length > 1 ? x[1] - x[0] : 86_400;
    return {
      width: box.clientWidth,
      height: box.clientHeight,
      padding: [marks.length > 0 ? 22 : 10, right, 0, 4],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !isStack, size: 8 } },
      scales: {
        // A single moment has no width, and bars stand on both sides of theirs.
        x: {
          range: (_, from, to) =>
            kind === 'bars' || from === to ? [from - step / 2, to + step / 2] : [from, to],
        },
        y: {
          range: (_, __, most) => {
            const top = band ? Math.max(most ?? 0, ...band.high.map((value) => value ?? 0)) : (most ?? 0);
            return [
              0,
              unit === 'percent' && top > 50
                ? Math.max(100, top)
                : (top || 1) * (kind === 'river' ? 1.01 : 1.06),
            ];
          },
        },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          values: (_, at, __, ___, found) => at.map((one) => axisWords(one, found)),
          space: 72,
          size: 34,
        },
        { ...axis, size: 58, values: (_, at) => at.map((value) => words(value, unit, true)) },
      ],
      series: [{}, ...seriesOptions({ kind, series, colours, card, isDense })],
      hooks: {
        drawClear: band ? [(plot) => shade(plot, { band, colours })] : [],
        draw: [
          (plot) => {
            if (isStack && kind === 'river') areaWords(plot, { series, sums, colours });
            if (!isStack) lineWords(plot, { series, colours, card, text });
            markWords(plot, { marks, muted });
          },
        ],
        setCursor: [
          ({ cursor: { idx } }) => {
            const isOver = idx !== null && idx !== undefined;
            when.textContent = isOver
              ? `${(isDaily ? FULL_DAY : FULL).format(x[idx] * 1_000)} UTC`
              : when.dataset.stands;
            live.forEach((value, index) => {
              value.textContent = isOver ? words(series[index].values[idx], unit) : value.dataset.stands;
            });
          },
        ],
      },
    };
  }

  function draw(figure) {
    const chart = JSON.parse(figure.dataset.figures);
    const box = figure.querySelector('.chart-box');
    if (!box || box.clientWidth === 0) return undefined;
    const entries = [...figure.querySelectorAll('.chart-legend > [data-slot]')].slice(0, chart.series.length);
    const colours = entries.map((entry) => ({
      colour: style(entry, '--series'),
      ink: style(entry, '--series-ink'),
    }));
    const look = {
      box,
      colours,
      muted: style(figure, '--chart-muted'),
      line: style(figure, '--chart-line'),
      text: style(figure, '--chart-text'),
      card: style(figure, '--chart-ground'),
      sums: chart.kind === 'lines' ? [] : stacked(chart.series, chart.x.length),
    };
    const values = chart.kind === 'lines' ? chart.series.map((one) => one.values) : look.sums;
    box.replaceChildren();
    return new uPlot(options(figure, chart, look), [chart.x, ...values], box);
  }

  function forget(figure) {
    const { plot, observer } = drawn.get(figure);
    observer.disconnect();
    plot?.destroy();
    drawn.delete(figure);
  }

  function show(figure) {
    const kept = { observer: undefined, plot: undefined, text: figure.dataset.figures };
    const redraw = () => {
      kept.plot?.destroy();
      kept.plot = draw(figure);
    };
    kept.redraw = redraw;
    let width = 0;
    // It also tells of the first size, and when a closed part of the page is opened.
    kept.observer = new ResizeObserver(([{ contentRect }]) => {
      if (Math.abs(contentRect.width - width) < 1) return;
      width = contentRect.width;
      redraw();
    });
    drawn.set(figure, kept);
    const box = figure.querySelector('.chart-box');
    if (box) kept.observer.observe(box);
  }

  function look() {
    for (const [figure, { text }] of [...drawn])
      if (!figure.isConnected || figure.dataset.figures !== text) forget(figure);
    for (const figure of document.querySelectorAll('figure[data-figures]'))
      if (!drawn.has(figure)) show(figure);
  }

  const redrawAll = () => {
    for (const { redraw } of drawn.values()) redraw();
  };
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
  window.matchMedia('(forced-colors: active)').addEventListener('change', redrawAll);
  document.addEventListener('htmx:afterSettle', look);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', look);
  else look();
})();
