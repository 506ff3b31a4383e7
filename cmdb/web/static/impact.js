// Draws the impact of a failure. The list beside the picture says the same in words.
"use strict";

// How each effect looks: the border's colour and line, and a sign, so that none is told by colour alone.
const LOOKS = {
  fails: { token: "accent", sign: "\u25cf" },
  down: { token: "bad", sign: "\u25a0" },
  degraded: { token: "warn", sign: "\u25c7" },
  "at risk": { token: "muted", sign: "\u25a1" },
};
const FONT = "sans-serif";
const LINE_PX = 16;
const VERBS_MOST = 40; // With more arrows their words would cover each other; the list has them.
const LARGEST = 1.15;
const LOWEST_PX = 340;
const READABLE = 0.65; // Names drawn smaller than this are no names.

function colour(token) {
  // A computed colour is resolved; the custom property itself is not.
  const probe = document.createElement("span");
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function palette() {
  const names = ["text", "muted", "surface", "line-strong", ...Object.values(LOOKS).map((look) => look.token)];
  return Object.fromEntries(names.map((name) => [name, colour(name)]));
}

function styles(shades) {
  const kinds = Object.entries(LOOKS).map(([effect, look]) => ({
    selector: `node[effect = "${effect}"]`,
    style: { "border-color": shades[look.token], "border-style": effect === "at risk" ? "dashed" : "solid" },
  }));
  return [
    {
      selector: "node",
      style: {
        label: "data(label)", "text-wrap": "wrap", "text-max-width": 400, "text-valign": "center", "line-height": 1.25, shape: "round-rectangle",
        "font-size": 12, "font-family": FONT, color: shades.text, "background-color": shades.surface, "border-width": 2,
        width: "data(width)", height: "data(height)",
      },
    },
    {
      selector: "edge",
      style: {
        width: 1.4, "line-color": shades["line-strong"], "target-arrow-color": shades["line-strong"], "target-arrow-shape": "triangle",
        "curve-style": "straight", "source-endpoint": "90deg", "target-endpoint": "270deg",
        label: "data(verb)", "font-size": 10, "font-family": FONT, color: shades.muted,
        "text-background-color": shades.surface, "text-background-opacity": 1, "text-background-padding": 2,
      },
    },
    ...kinds,
  ];
}

const pen = document.createElement("canvas").getContext("2d");
pen.font = `12px ${FONT}`;

function boxed(node) {
  const name = node.name.length > 44 ? `${node.name.slice(0, 43)}\u2026` : node.name;
  const lines = [name, `${LOOKS[node.effect].sign} ${node.effect}`];
  const width = Math.ceil(Math.max(...lines.map((line) => pen.measureText(line).width))) + 22;
  return { ...node, lines, label: lines.join("\n"), width, height: 2 * LINE_PX + 10 };
}

function draw(container, graph) {
  const nodes = graph.nodes.map((node) => ({ data: boxed(node) }));
  const worded = graph.edges.length <= VERBS_MOST;
  const edges = graph.edges.map((edge) => ({ data: { source: edge.from, target: edge.to, verb: worded ? edge.verb : "" } }));
  const cy = cytoscape({
    container, elements: [...nodes, ...edges], style: styles(palette()), minZoom: 0.05, maxZoom: 2.5,
    layout: { name: "dagre", rankDir: "LR", nodeSep: 12, edgeSep: 4, rankSep: worded ? 90 : 140, padding: 20, fit: true },
  });
  const needed = Math.max(cy.elements().boundingBox().h * LARGEST + 120, LOWEST_PX);
  if (needed < container.clientHeight) {
    container.style.height = `${needed}px`;
    cy.resize();
  }
  begin(cy);
  cy.on("tap", "node", (event) => location.assign(`/assets/${encodeURIComponent(event.target.id())}${document.getElementById("picture").dataset.query}`));
  return cy;
}

// All of it where names stay readable, else what fails and what it hits first.
function begin(cy) {
  cy.fit(undefined, 20);
  if (cy.zoom() > LARGEST) {
    cy.zoom(LARGEST);
    cy.center();
  }
  if (cy.zoom() >= READABLE) return;
  const first = cy.nodes('[effect = "fails"]');
  cy.zoom(READABLE + 0.1);
  cy.center(first);
  cy.panBy({ x: 30 - first.renderedBoundingBox().x1, y: 0 });
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function svgOf(cy) {
  const box = cy.elements().boundingBox();
  const shades = palette();
  const root = element("svg", {
    xmlns: "http://www.w3.org/2000/svg", viewBox: `${box.x1 - 20} ${box.y1 - 20} ${box.w + 40} ${box.h + 40}`,
    width: box.w + 40, height: box.h + 40, "font-family": "sans-serif",
  });
  root.append(element("rect", { x: box.x1 - 20, y: box.y1 - 20, width: box.w + 40, height: box.h + 40, fill: shades.surface }));
  const defs = element("defs", {});
  const marker = element("marker", { id: "arrow", viewBox: "0 0 10 10", refX: 10, refY: 5, markerWidth: 8, markerHeight: 8, orient: "auto" });
  marker.append(element("path", { d: "M0 0L10 5L0 10z", fill: shades["line-strong"] }));
  defs.append(marker);
  root.append(defs);
  for (const edge of cy.edges()) {
    const [from, to] = [edge.sourceEndpoint(), edge.targetEndpoint()];
    root.append(element("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, stroke: shades["line-strong"], "marker-end": "url(#arrow)" }));
    root.append(element("text", { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 + 3, "font-size": 9, "text-anchor": "middle", fill: shades.muted, stroke: shades.surface, "stroke-width": 4, "paint-order": "stroke" }, edge.data("verb")));
  }
  for (const node of cy.nodes()) {
    const { x, y } = node.position();
    const { effect, lines, width, height } = node.data();
    const dashes = effect === "at risk" ? { "stroke-dasharray": "5 3" } : {};
    const shade = shades[LOOKS[effect].token];
    root.append(element("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 6, fill: shades.surface, stroke: shade, "stroke-width": 2, ...dashes }));
    root.append(element("text", { x, y: y - 4, "font-size": 12, "text-anchor": "middle", fill: shades.text }, lines[0]));
    root.append(element("text", { x, y: y + 12, "font-size": 12, "text-anchor": "middle", fill: shades.text }, lines[1]));
  }
  return new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

const container = document.getElementById("picture");
if (container) {
  const cy = draw(container, JSON.parse(document.getElementById("graph").textContent));
  const makers = {
    svg: () => svgOf(cy),
    png: () => cy.png({ output: "blob", full: true, scale: 2, bg: colour("surface") }),
  };
  for (const button of document.querySelectorAll("[data-save]")) {
    button.disabled = false;
    button.addEventListener("click", () => save(makers[button.dataset.save](), `${container.dataset.name}.${button.dataset.save}`));
  }
  const zooms = {
    in: () => cy.zoom({ level: cy.zoom() * 1.3, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } }),
    out: () => cy.zoom({ level: cy.zoom() / 1.3, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } }),
    all: () => cy.fit(undefined, 20),
  };
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.hidden = false;
    button.addEventListener("click", zooms[button.dataset.zoom]);
  }
  const repaint = () => cy.style(styles(palette()));
  document.addEventListener("themechange", repaint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  container.dataset.drawn = String(cy.nodes().length);
}
