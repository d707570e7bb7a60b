/**
 * What charts draw beside uPlot’s lines and areas: textures, marks, names where somebody looks, the shade of what is expected.
 * In one global name, for `charts.js`.
 */
window.chartDrawing = (() => {
  const FONT = 'system-ui, sans-serif';
  /** Room for names at the ends of lines; a phone has none, and its legend says the same. */
  const LABELS_FROM = 560;

  /** A colour, or the colour with its texture in a darker or lighter tone of itself. */
  function filling(texture, { colour, ink }) {
    if (texture === 'plain') return colour;
    const ratio = window.devicePixelRatio || 1;
    const size = 8;
    const tile = document.createElement('canvas');
    tile.width = tile.height = size * ratio;
    const draw = tile.getContext('2d');
    draw.scale(ratio, ratio);
    draw.fillStyle = colour;
    draw.fillRect(0, 0, size, size);
    draw.strokeStyle = draw.fillStyle = ink;
    draw.globalAlpha = 0.34;
    draw.lineWidth = 1.4;
    draw.beginPath();
    if (texture === 'dots') {
      draw.arc(size / 2, size / 2, 1.3, 0, 2 * Math.PI);
      draw.fill();
    } else {
      const lines = {
        level: [[0, 4, 8, 4]],
        rising: [
          [-2, 10, 10, -2],
          [-2, 2, 2, -2],
          [6, 10, 10, 6],
        ],
        falling: [
          [-2, -2, 10, 10],
          [6, -2, 10, 2],
          [-2, 6, 2, 10],
        ],
      };
      for (const [fromX, fromY, toX, toY] of lines[texture] ?? []) {
        draw.moveTo(fromX, fromY);
        draw.lineTo(toX, toY);
      }
      draw.stroke();
    }
    return draw.createPattern(tile, 'repeat');
  }

  function shapeAt(draw, shape, [x, y, r]) {
    draw.beginPath();
    if (shape === 'square') draw.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
    else if (shape === 'triangle' || shape === 'diamond') {
      draw.moveTo(x, y - r * 1.2);
      draw.lineTo(x + r * 1.2, y + (shape === 'triangle' ? r : 0));
      if (shape === 'diamond') draw.lineTo(x, y + r * 1.2);
      draw.lineTo(x - r * 1.2, y + (shape === 'triangle' ? r : 0));
      draw.closePath();
    } else draw.arc(x, y, r, 0, 2 * Math.PI);
  }

  const lastKnown = (values) => values.findLastIndex((value) => value !== null);

  /** Marks on the lines and names at their ends, so that nobody has to match colours. */
  function lineWords(plot, { series, colours, card, text }) {
    const { ctx: draw, bbox } = plot;
    const ratio = window.devicePixelRatio || 1;
    const place = (index, at) => [
      plot.valToPos(plot.data[0][at], 'x', true),
      plot.valToPos(series[index].values[at], 'y', true),
    ];
    const names = [];
    draw.save();
    series.forEach(({ name, values, shape }, index) => {
      const known = values.flatMap((value, at) => (value === null ? [] : [at]));
      const step = Math.max(1, Math.ceil(known.length / 7));
      const start = Math.floor((step * index) / series.length);
      draw.lineWidth = 1.5 * ratio;
      for (let nth = start; nth < known.length; nth += step) {
        const [x, y] = place(index, known[nth]);
        shapeAt(draw, shape, [x, y, 3.4 * ratio]);
        draw.fillStyle = shape === 'ring' ? card : colours[index].colour;
        draw.strokeStyle = shape === 'ring' ? colours[index].colour : card;
        draw.fill();
        draw.stroke();
      }
      const last = lastKnown(values);
      if (last >= 0 && plot.width >= LABELS_FROM) names.push({ name, y: place(index, last)[1] });
    });
    draw.font = `600 ${12 * ratio}px ${FONT}`;
    draw.fillStyle = text;
    draw.textBaseline = 'middle';
    draw.textAlign = 'left';
    let free = bbox.top;
    for (const { name, y } of names.sort((one, other) => one.y - other.y)) {
      const at = Math.max(y, free);
      draw.fillText(name, bbox.left + bbox.width + 8 * ratio, at);
      free = at + 15 * ratio;
    }
    draw.restore();
  }

  /** The name of an area where it is widest, if it has room for it. */
  function areaWords(plot, { series, sums, colours }) {
    const { ctx: draw, bbox } = plot;
    const ratio = window.devicePixelRatio || 1;
    const x = plot.data[0];
    draw.save();
    draw.font = `600 ${12 * ratio}px ${FONT}`;
    draw.textBaseline = 'middle';
    draw.textAlign = 'center';
    series.forEach(({ name, texture }, index) => {
      const half = draw.measureText(name).width / 2 + 8 * ratio;
      const top = (at) => plot.valToPos(sums[index][at], 'y', true);
      const bottom = (at) => plot.valToPos(sums[index + 1]?.[at] ?? 0, 'y', true);
      const positions = x.map((value) => plot.valToPos(value, 'x', true));
      let best = null;
      for (let at = 0; at < x.length; at += 1) {
        const centre = positions[at];
        if (sums[index][at] === null || centre - half < bbox.left || centre + half > bbox.left + bbox.width)
          continue;
        const near = x.flatMap((_, other) =>
          Math.abs(positions[other] - centre) <= half && sums[index][other] !== null ? [other] : [],
        );
        const from = Math.max(...near.map(top));
        const to = Math.min(...near.map(bottom));
        // Of places that are nearly as wide the one closer to the middle is the calmer one.
        const aside = Math.abs((centre - bbox.left) / bbox.width - 0.5);
        const worth = (to - from) * (1 - 0.5 * aside);
        if (to - from > 18 * ratio && worth > (best?.worth ?? 0)) best = { centre, from, to, worth };
      }
      if (!best) return;
      const middle = (best.from + best.to) / 2;
      draw.fillStyle = colours[index].colour;
      // On a texture letters need calm ground.
      if (texture !== 'plain') draw.fillRect(best.centre - half, middle - 9 * ratio, half * 2, 18 * ratio);
      draw.fillStyle = colours[index].ink;
      draw.fillText(name, best.centre, middle);
    });
    draw.restore();
  }

  function markWords(plot, { marks, muted }) {
    const { ctx: draw, bbox } = plot;
    const ratio = window.devicePixelRatio || 1;
    draw.save();
    draw.font = `${11 * ratio}px ${FONT}`;
    draw.strokeStyle = draw.fillStyle = muted;
    draw.lineWidth = ratio;
    draw.setLineDash([2 * ratio, 3 * ratio]);
    draw.textBaseline = 'bottom';
    let free = -Infinity;
    for (const { at, name } of marks) {
      const x = Math.round(plot.valToPos(at, 'x', true));
      draw.beginPath();
      draw.moveTo(x, bbox.top);
      draw.lineTo(x, bbox.top + bbox.height);
      draw.stroke();
      const width = draw.measureText(name).width;
      const left = Math.min(Math.max(x - width / 2, bbox.left), bbox.left + bbox.width - width);
      if (left < free) continue;
      draw.fillText(name, left, bbox.top - 3 * ratio);
      free = left + width + 8 * ratio;
    }
    draw.restore();
  }

  /** The shade between which it is expected. */
  function shade(plot, { band, colours }) {
    const { ctx: draw } = plot;
    const known = plot.data[0].flatMap((_, at) =>
      band.low[at] === null || band.high[at] === null ? [] : [at],
    );
    if (known.length === 0) return;
    const x = (at) => plot.valToPos(plot.data[0][at], 'x', true);
    draw.save();
    draw.beginPath();
    for (const at of known) draw.lineTo(x(at), plot.valToPos(band.high[at], 'y', true));
    for (const at of known.reverse()) draw.lineTo(x(at), plot.valToPos(band.low[at], 'y', true));
    draw.closePath();
    draw.globalAlpha = 0.16;
    draw.fillStyle = colours.at(-1).colour;
    draw.fill();
    draw.restore();
  }

  return { FONT, LABELS_FROM, filling, lineWords, areaWords, markWords, shade };
})();
