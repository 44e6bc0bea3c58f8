"use strict";
/**
 * Put the layers of a slide into OpenSeadragon, one image each on the same pixels. Tiles come from
 * `hrpn.tile` and `hrpn.tileAtHand`. Returns `repaint(scale)`, for layers whose contrast or pixels
 * have changed, `rescale()`, for scales that have, `show(places)`, `seen()` and `close()`.
 */
hrpn.showSlide = (data) => {
  const at = (id) => document.getElementById(id);
  const box = at("image");
  const palettes = Object.fromEntries(data.layers.map((l) => [l.key, hrpn.palette(l.colours)]));
  const scaleOf = Object.fromEntries(data.layers.map((l) => [l.key, data.scales[l.scale]]));
  const images = {};

  const viewer = OpenSeadragon({
    element: box,
    drawer: "canvas",
    showNavigationControl: false,
    animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.4,
    maxZoomPixelRatio: 16,
    minZoomImageRatio: 0.5,
    visibilityRatio: 0.3,
    imageSmoothingEnabled: false, // pixels are measurements
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    silenceMultiImageWarnings: true,
    imageLoaderLimit: 4,
    loadTilesWithAjax: false,
  });
  hrpn.viewer = viewer;

  const paint = async (key, address) => {
    const tile = await hrpn.tile(data.tiles, address);
    return hrpn.paint(tile, key, palettes[key], scaleOf[key].low, scaleOf[key].high);
  };

  const source = (key) => new OpenSeadragon.TileSource({
    width: data.width, height: data.height, tileSize: data.side, tileOverlap: 0,
    minLevel: 0, maxLevel: data.top, ready: true,
    getTileUrl: (level, x, y) => `${key}:${level}/${x}_${y}`,
    hasTransparency: () => true,
    downloadTileStart: (job) => {
      paint(key, job.src.slice(key.length + 1)).then(
        (context) => job.finish(context, null, "context2d"),
        (error) => job.fail(error.message, null),
      );
    },
    downloadTileAbort: () => {},
  });

  // Contrast: tiles that are shown are painted anew and exchanged when they are done.
  viewer.addHandler("tile-invalidated", async (event) => {
    const key = event.tiledImage.source.layerKey;
    const { level, x, y } = event.tile;
    const context = await paint(key, `${level}/${x}_${y}`);
    if (!event.outdated()) await event.setData(context, "context2d");
  });
  const dirty = new Set();
  let repainting = false;
  const repaint = async (scale) => {
    dirty.add(scale);
    if (repainting) return;
    repainting = true;
    while (dirty.size > 0) {
      const [next] = dirty;
      dirty.delete(next);
      const those = data.layers.filter((layer) => layer.scale === next && images[layer.key]);
      await Promise.all(those.map((layer) => images[layer.key].requestInvalidate(true)));
    }
    repainting = false;
    box.dataset.repainted = Number(box.dataset.repainted ?? 0) + 1;
  };

  // Which part of the image lies on which side of the divider follows from the viewport.
  const dividerX = (image) => {
    const point = new OpenSeadragon.Point(divider.share * viewer.viewport.getContainerSize().x, 0);
    return image.viewerElementToImageCoordinates(point).x;
  };
  const place = () => {
    let split = false;
    for (const [key, image] of Object.entries(images)) {
      const { place: side, opacity } = layers.states[key];
      const x = Math.min(data.width, Math.max(0, dividerX(image)));
      const [from, to] = side === "left" ? [0, x] : side === "right" ? [x, data.width] : [0, data.width];
      const shown = side !== "none" && to > from ? opacity : 0;
      split ||= side === "left" || side === "right";
      if (image.getOpacity() !== shown) image.setOpacity(shown);
      const clip = image.getClip();
      if (shown && (clip === null || clip.x !== from || clip.width !== to - from)) {
        image.setClip(new OpenSeadragon.Rect(from, 0, to - from, data.height));
      }
    }
    at("divider").hidden = !split;
  };

  let pointer = null;
  const read = () => {
    const image = images[data.layers[0].key];
    if (!image) return;
    if (pointer === null) return hrpn.showValues(data, layers.cells, at("place"), -1, -1);
    const point = image.viewerElementToImageCoordinates(pointer);
    hrpn.showValues(data, layers.cells, at("place"), point.x, point.y);
  };
  const bar = () => {
    const image = images[data.layers[0].key];
    if (image) hrpn.drawBar(data, at("bar"), 1 / image.viewportToImageZoom(viewer.viewport.getZoom(true)));
  };

  const divider = hrpn.divider(at("divider"), box, () => place());
  const layers = hrpn.layerControls(data, at("layers"), at("views"), () => place());
  const rescale = () => {
    at("scales").replaceChildren();
    hrpn.contrastControls(data, at("scales"), repaint);
  };
  rescale();

  // Inputs lie over the rest: their dark parts are transparent.
  const order = [...data.layers].sort((a, b) => (a.kind === "input") - (b.kind === "input"));
  for (const layer of order) {
    const tileSource = source(layer.key);
    tileSource.layerKey = layer.key;
    viewer.addTiledImage({
      tileSource, opacity: 0,
      success: ({ item }) => {
        images[layer.key] = item;
        if (Object.keys(images).length < data.layers.length) return;
        place();
        bar();
        box.dataset.opened = "true";
      },
    });
  }
  viewer.addHandler("update-viewport", () => { place(); bar(); read(); });
  viewer.addHandler("tile-drawn", () => { box.dataset.drawn = "true"; read(); });

  // Of what holds the image and the divider, so that values are read over the divider, too.
  const open = new AbortController();
  const heard = { signal: open.signal };
  box.parentElement.addEventListener("pointermove", (event) => {
    const outline = box.getBoundingClientRect();
    pointer = new OpenSeadragon.Point(event.clientX - outline.left, event.clientY - outline.top);
    read();
  }, heard);
  box.parentElement.addEventListener("pointerleave", () => { pointer = null; read(); }, heard);

  // Keys of the viewer library that turn or mirror the image are not wanted: the divider is upright.
  viewer.addHandler("canvas-key", (event) => {
    const key = event.originalEvent.key;
    if (/^[rRfF]$/.test(key)) event.preventDefaultAction = true;
    // Whoever moves by keys reads the values in the middle.
    pointer = viewer.viewport.getContainerSize().divide(2);
    read();
  });
  const actions = {
    "zoom-in": () => viewer.viewport.zoomBy(1.5),
    "zoom-out": () => viewer.viewport.zoomBy(1 / 1.5),
    "zoom-fit": () => viewer.viewport.goHome(),
    "zoom-one": () => viewer.viewport.zoomTo(images[data.layers[0].key].imageToViewportZoom(1)),
  };
  for (const [id, action] of Object.entries(actions)) {
    at(id).onclick = () => { action(); viewer.viewport.applyConstraints(); };
  }

  const close = () => {
    open.abort();
    viewer.destroy();
    for (const id of ["layers", "views", "scales"]) at(id).replaceChildren();
  };
  /** The rectangle of the slide that is seen, px. */
  const seen = () => {
    const { x, y, width, height } = images[data.layers[0].key].viewportToImageRectangle(viewer.viewport.getBounds());
    return { x, y, width, height };
  };
  return { repaint, rescale, show: layers.show, seen, close };
};
