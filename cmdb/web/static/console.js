// Comfort only: every page works without it.
"use strict";

function switchTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const next = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  if (next === system) {
    delete root.dataset.theme;
    localStorage.removeItem("theme");
  } else {
    root.dataset.theme = next;
    localStorage.setItem("theme", next);
  }
  document.dispatchEvent(new Event("themechange"));
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-switch]")) switchTheme();
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.querySelector("[data-search]")?.focus();
});

// On a phone the menu starts closed; on a wide screen it is always open.
const narrow = matchMedia("(max-width: 60rem)");
function fitMenu() {
  const menu = document.querySelector(".menu");
  if (menu) menu.open = !narrow.matches;
}
narrow.addEventListener("change", fitMenu);
fitMenu();

// Where the tabs do not fit, the one that is shown is in sight.
const tab = document.querySelector(".tabs [aria-current]");
if (tab) {
  const row = tab.closest(".tabs");
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
}
