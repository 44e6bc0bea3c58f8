"use strict";
// What is read off the image: a scale bar, the place, and the values under the pointer.
(() => {
  const digits = (value) => {
    if (!Number.isFinite(value)) return "\u2013"; // not predicted yet
    const size = Math.abs(value);
    return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2).replace("-", "\u2212");
  };
  hrpn.digits = digits;

  const length = (um) => (um >= 1000 ? `${um / 1000} mm` : `${um} \u00b5m`);

  /** The longest of 1, 2, 5, 10, ... um that takes at most `most` pixels of the screen. */
  hrpn.barLength = (umPerPixel, most) => {
    const wanted = umPerPixel * most;
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [5, 2, 1].find((s) => s * power <= wanted) ?? 1;
    return Number((step * power).toPrecision(3));
  };

  hrpn.drawBar = (data, element, imagePixelsPerScreenPixel) => {
    const umPerPixel = data.pixelSize * imagePixelsPerScreenPixel;
    const um = hrpn.barLength(umPerPixel, 160);
    element.querySelector("i").style.width = `${um / umPerPixel}px`;
    element.querySelector("span").textContent = length(um);
  };

  /** The finest tile at hand that holds a pixel of the image, and the pixel in it. */
  hrpn.lookUp = (data, x, y) => {
    if (x < 0 || y < 0 || x >= data.width || y >= data.height) return null;
    for (let level = data.top; level >= 0; level--) {
      const factor = 2 ** (data.top - level);
      const [column, row] = [Math.floor(x / factor), Math.floor(y / factor)];
      const [tx, ty] = [Math.floor(column / data.side), Math.floor(row / data.side)];
      const tile = hrpn.tileAtHand(`${level}/${tx}_${ty}`);
      if (tile === undefined) continue;
      const i = (row - ty * data.side) * tile.width + (column - tx * data.side);
      return { tile, i, factor };
    }
    return null;
  };

  /** Show place and values; of no place, dashes. */
  hrpn.showValues = (data, cells, place, x, y) => {
    const found = hrpn.lookUp(data, x, y);
    if (found === null) {
      place.textContent = "Move the pointer over the image to read values.";
      for (const cell of Object.values(cells)) cell.textContent = "\u2013";
      return;
    }
    const px = (v) => Math.floor(v) * data.reduction;
    const um = (v) => (px(v) * (data.pixelSize / data.reduction)).toFixed(1);
    const mean = found.factor * data.reduction;
    place.textContent =
      `row ${px(y)}, column ${px(x)} px (${um(y)}, ${um(x)} \u00b5m)` +
      (mean > 1 ? `; means of ${mean} \u00d7 ${mean} px` : "");
    for (const [key, cell] of Object.entries(cells)) {
      cell.textContent = digits(hrpn.value(found.tile, key, found.i));
    }
  };
})();
