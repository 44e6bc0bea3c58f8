"use strict";
// 256 colours from dark to bright as RRGGBBAA; the same as in the report (a test compares them).
(() => {
  // matplotlib's inferno (CC0)
  const intensity =
    "000003ff000004ff000006ff010007ff010109ff01010bff02010eff020210ff030212ff040314ff040316ff050418ff" +
    "06041bff07051dff08061fff090621ff0a0723ff0b0726ff0d0828ff0e082aff0f092dff10092fff120a32ff130a34ff" +
    "140b36ff160b39ff170b3bff190b3eff1a0b40ff1c0c43ff1d0c45ff1f0c47ff200c4aff220b4cff240b4eff260b50ff" +
    "270b52ff290b54ff2b0a56ff2d0a58ff2e0a5aff300a5cff32095dff34095fff350960ff370961ff390962ff3b0964ff" +
    "3c0965ff3e0966ff400966ff410967ff430a68ff450a69ff460a69ff480b6aff4a0b6aff4b0c6bff4d0c6bff4f0d6cff" +
    "500d6cff520e6cff530e6dff550f6dff570f6dff58106dff5a116dff5b116eff5d126eff5f126eff60136eff62146eff" +
    "63146eff65156eff66156eff68166eff6a176eff6b176eff6d186eff6e186eff70196eff72196dff731a6dff751b6dff" +
    "761b6dff781c6dff7a1c6dff7b1d6cff7d1d6cff7e1e6cff801f6bff811f6bff83206bff85206aff86216aff88216aff" +
    "892269ff8b2269ff8d2369ff8e2468ff902468ff912567ff932567ff952666ff962666ff982765ff992864ff9b2864ff" +
    "9c2963ff9e2963ffa02a62ffa12b61ffa32b61ffa42c60ffa62c5fffa72d5fffa92e5effab2e5dffac2f5cffae305bff" +
    "af315bffb1315affb23259ffb43358ffb53357ffb73456ffb83556ffba3655ffbb3754ffbd3753ffbe3852ffbf3951ff" +
    "c13a50ffc23b4fffc43c4effc53d4dffc73e4cffc83e4bffc93f4affcb4049ffcc4148ffcd4247ffcf4446ffd04544ff" +
    "d14643ffd24742ffd44841ffd54940ffd64a3fffd74b3effd94d3dffda4e3bffdb4f3affdc5039ffdd5238ffde5337ff" +
    "df5436ffe05634ffe25733ffe35832ffe45a31ffe55b30ffe65c2effe65e2dffe75f2cffe8612bffe9622affea6428ff" +
    "eb6527ffec6726ffed6825ffed6a23ffee6c22ffef6d21fff06f1ffff0701efff1721dfff2741cfff2751afff37719ff" +
    "f37918fff47a16fff57c15fff57e14fff68012fff68111fff78310fff7850efff8870dfff8880cfff88a0bfff98c09ff" +
    "f98e08fff99008fffa9107fffa9306fffa9506fffa9706fffb9906fffb9b06fffb9d06fffb9e07fffba007fffba208ff" +
    "fba40afffba60bfffba80dfffbaa0efffbac10fffbae12fffbb014fffbb116fffbb318fffbb51afffbb71cfffbb91eff" +
    "fabb21fffabd23fffabf25fffac128fff9c32afff9c52cfff9c72ffff8c931fff8cb34fff8cd37fff7cf3afff7d13cff" +
    "f6d33ffff6d542fff5d745fff5d948fff4db4bfff4dc4ffff3de52fff3e056fff3e259fff2e45dfff2e660fff1e864ff" +
    "f1e968fff1eb6cfff1ed70fff1ee74fff1f079fff1f27dfff2f381fff2f485fff3f689fff4f78dfff5f891fff6fa95ff" +
    "f7fb99fff9fc9dfffafda0fffcfea4ff";
  const inputs = ["56dca0", "6ea0ff", "ffbe3c", "e682e6"];
  const hex = (value) => value.toString(16).padStart(2, "0");

  /** Colours of a layer; inputs lie over the rest, so their dark parts are transparent. */
  hrpn.colours = (kind, number = 0) =>
    kind === "input"
      ? Array.from({ length: 256 }, (_, i) => inputs[number % inputs.length] + hex(i)).join("")
      : intensity;
})();
