"use strict";
// The slide of this page.
hrpn.showSlide(JSON.parse(document.getElementById("view").textContent));
