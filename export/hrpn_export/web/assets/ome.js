"use strict";
// Channels and pixel size of OME-XML and ImageJ descriptions, and OME-XML of a result. Text of files
// is only ever text: nothing here becomes markup of the page.
(() => {
  const UM = { "": 1, "\u00b5m": 1, "\u03bcm": 1, um: 1, micron: 1, microns: 1, micrometer: 1, nm: 1e-3, mm: 1e3, cm: 1e4, m: 1e6 };
  const LONGEST = 200; // characters of a channel's name
  const MOST_TAGS = 1_000_000;

  const children = (parent, tag) => [...parent.children].filter((child) => child.localName === tag);
  const number = (element, name, missing) => {
    const text = element.getAttribute(name);
    return text === null ? missing : Number(text);
  };
  const printable = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ").trim().slice(0, LONGEST);

  const side = (pixels, axis) => {
    const size = number(pixels, `PhysicalSize${axis}`, NaN);
    const unit = UM[(pixels.getAttribute(`PhysicalSize${axis}Unit`) ?? "").trim()];
    const um = size * (unit ?? NaN);
    return Number.isFinite(um) && um > 0 ? um : null;
  };

  // { x, y } of the first plane, um; null where no unit of length is stated.
  const positionOf = (pixels) => {
    const planes = children(pixels, "Plane");
    const first = planes.find((plane) => ["C", "Z", "T"].every((axis) => number(plane, `The${axis}`, -1) === 0)) ?? planes[0];
    if (!first) return null;
    const [x, y] = ["X", "Y"].map((axis) => {
      const unit = first.getAttribute(`Position${axis}Unit`);
      return number(first, `Position${axis}`, NaN) * (unit === null ? NaN : UM[unit.trim()] ?? NaN);
    });
    return Number.isFinite(x) && Number.isFinite(y) ? { x, y } : null;
  };

  // Page of each channel.
  const pagesOf = (pixels, count) => {
    const data = children(pixels, "TiffData");
    const pages = Array.from({ length: count }, (_, c) => c);
    if (data.length <= 1 && !data[0]?.hasAttribute("PlaneCount")) {
      const first = data.length ? number(data[0], "IFD", 0) : 0;
      return pages.map((c) => c + first);
    }
    let next = 0;
    for (const one of data) {
      const [first, c] = [number(one, "IFD", next), number(one, "FirstC", 0)];
      const planes = number(one, "PlaneCount", one.hasAttribute("IFD") ? 1 : count);
      for (let i = 0; i < Math.min(planes, count - c); i++) pages[c + i] = first + i;
      next = first + planes;
    }
    return pages;
  };

  const readOme = (text, [width, height], name) => {
    const root = /<!DOCTYPE|<!ENTITY/i.test(text) || text.split("<").length > MOST_TAGS
      ? null
      : new DOMParser().parseFromString(text, "application/xml");
    if (root === null || root.getElementsByTagName("parsererror").length) throw new Error(`${name}: its OME-XML is malformed`);
    const images = [...root.getElementsByTagNameNS("*", "Pixels")];
    const pixels = images.find((p) => number(p, "SizeX", 0) === width && number(p, "SizeY", 0) === height);
    if (!pixels) return null;
    if (number(pixels, "SizeZ", 1) !== 1 || number(pixels, "SizeT", 1) !== 1) {
      throw new Error(`${name}: is a stack of several planes or times; hrpn-tf predict --z takes one of them`);
    }
    if ([...pixels.getElementsByTagNameNS("*", "UUID")].some((uuid) => ![null, name].includes(uuid.getAttribute("FileName")))) {
      throw new Error(`${name}: is one of several files of an OME-TIFF; save the slide as one file`);
    }
    const named = children(pixels, "Channel");
    const samples = named.map((channel) => Math.max(1, Math.min(16, number(channel, "SamplesPerPixel", 1))));
    const pages = pagesOf(pixels, named.length);
    const channels = named.flatMap((channel, c) => Array.from({ length: samples[c] }, (_, sample) => ({
      name: printable(channel.getAttribute("Name") ?? "") || `channel ${c + 1}`, page: pages[c], sample,
    })));
    const [x, y] = [side(pixels, "X"), side(pixels, "Y")];
    const square = x !== null && y !== null && Math.abs(x - y) <= 0.01 * x;
    if (x !== null && y !== null && !square) throw new Error(`${name}: its pixels are ${x} × ${y} µm, and only square ones can be predicted`);
    return { channels, pixelSize: square ? x : null, position: positionOf(pixels) };
  };

  /**
   * Names of the planes, pixel size and position, um, null if none is stated; of files as the
   * worker describes them.
   */
  hrpn.describe = ({ descriptions, names, planes, levels }) => {
    const [size] = levels;
    const found = names.map((name, file) => {
      const own = planes.flatMap((plane, index) => (plane.file === file ? [{ ...plane, index }] : []));
      const text = descriptions[file];
      const ome = /<([\w-]+:)?OME[\s>]/.test(text.slice(0, 4096)) ? readOme(text, size, name) : null;
      if (ome?.channels.length) {
        const channels = ome.channels.flatMap(({ name: title, page, sample }) => {
          const plane = own.find((one) => one.page === page && one.sample === sample);
          return plane ? [{ name: title, plane: plane.index, type: plane.type }] : [];
        });
        if (channels.length) return { channels, pixelSize: ome.pixelSize, position: ome.position };
      }
      if (/^ImageJ=/.test(text) && /^(slices|frames)=([2-9]|\d\d)/m.test(text)) {
        throw new Error(`${name}: is a stack of several planes or times; hrpn-tf predict --z takes one of them`);
      }
      const stem = printable(name).replace(/(\.ome)?\.\w+$/, "");
      return {
        channels: own.map(({ index, type }, i) => ({
          name: names.length > 1 && own.length === 1 ? stem : `${names.length > 1 ? `${stem}, ` : ""}channel ${i + 1}`, plane: index, type,
        })),
        pixelSize: null,
        position: null,
      };
    });
    const sizes = found.map((one) => one.pixelSize).filter((size) => size !== null);
    if (sizes.some((size) => Math.abs(size - sizes[0]) > 0.01 * sizes[0])) throw new Error("The files state different pixel sizes.");
    const position = found.map((one) => one.position).find((one) => one !== null) ?? null;
    return { channels: found.flatMap((one) => one.channels), pixelSize: sizes[0] ?? null, position };
  };

  /** The OME-XML of a result, with the same content as that of `hrpn-tf predict`. */
  hrpn.omeXml = ({ width, height, type, channels, pixelSize, position, provenance, program }) => {
    const space = "http://www.openmicroscopy.org/Schemas/OME/2016-06";
    const root = document.implementation.createDocument(space, "OME").documentElement;
    const add = (parent, tag, attributes = {}, text = null) => {
      const element = root.ownerDocument.createElementNS(space, tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      if (text !== null) element.textContent = text;
      return parent.appendChild(element);
    };
    root.setAttribute("Creator", program);
    const image = add(root, "Image", { ID: "Image:0" });
    const pixels = add(image, "Pixels", {
      ID: "Pixels:0", DimensionOrder: "XYCZT", Type: type === "float32" ? "float" : type, SizeX: width, SizeY: height,
      SizeC: channels.length, SizeZ: 1, SizeT: 1, BigEndian: "false", Interleaved: "false",
      PhysicalSizeX: pixelSize, PhysicalSizeXUnit: "\u00b5m", PhysicalSizeY: pixelSize, PhysicalSizeYUnit: "\u00b5m",
    });
    channels.forEach((name, c) => add(pixels, "Channel", { ID: `Channel:0:${c}`, SamplesPerPixel: 1, Name: name }));
    channels.forEach((_, c) => add(pixels, "TiffData", { IFD: c, FirstC: c, PlaneCount: 1 }));
    if (position !== null) channels.forEach((_, c) => add(pixels, "Plane", {
      TheZ: 0, TheT: 0, TheC: c, PositionX: position.x, PositionXUnit: "\u00b5m", PositionY: position.y, PositionYUnit: "\u00b5m",
    }));
    add(image, "AnnotationRef", { ID: "Annotation:0" });
    const annotation = add(add(root, "StructuredAnnotations"), "MapAnnotation", { ID: "Annotation:0", Namespace: "hrpn-tf/provenance" });
    const values = add(annotation, "Value");
    for (const [key, value] of Object.entries(provenance)) add(values, "M", { K: key }, JSON.stringify(value));
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(root)}`;
  };
})();
