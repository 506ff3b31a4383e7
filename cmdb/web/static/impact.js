// Draws the impact of a failure. The list beside the picture says the same in words.
"use strict";

const SHAPES = { fails: "ellipse", down: "octagon", degraded: "diamond", "at risk": "round-rectangle", "passes it on": "rectangle" };
const TOKENS = { fails: "accent", down: "bad", degraded: "warn", "at risk": "muted", "passes it on": "line-strong" };

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
  const names = ["text", "muted", "surface", "line-strong", ...Object.values(TOKENS)];
  return Object.fromEntries(names.map((name) => [name, colour(name)]));
}

function styles(shades) {
  const kinds = Object.keys(SHAPES).map((effect) => ({
    selector: `node[effect = "${effect}"]`,
    style: { shape: SHAPES[effect], "border-color": shades[TOKENS[effect]], "border-style": effect === "at risk" ? "dashed" : "solid" },
  }));
  return [
    {
      selector: "node",
      style: {
        label: "data(label)", "text-wrap": "wrap", "text-max-width": 150, "text-valign": "bottom", "text-margin-y": 5,
        "font-size": 11, color: shades.text, "background-color": shades.surface, "border-width": 3, width: 30, height: 30,
      },
    },
    { selector: 'node[effect = "fails"]', style: { "background-color": shades.accent } },
    {
      selector: "edge",
      style: {
        width: 1.4, "line-color": shades["line-strong"], "target-arrow-color": shades["line-strong"], "target-arrow-shape": "triangle",
        "curve-style": "bezier", label: "data(verb)", "font-size": 9, color: shades.muted,
        "text-background-color": shades.surface, "text-background-opacity": 1, "text-background-padding": 2,
      },
    },
    ...kinds,
  ];
}

function short(name) {
  return name.length > 40 ? `${name.slice(0, 39)}…` : name;
}

function draw(container, graph) {
  const nodes = graph.nodes.map((node) => ({ data: { ...node, label: `${short(node.name)}\n${node.effect}` } }));
  const edges = graph.edges.map((edge) => ({ data: { source: edge.from, target: edge.to, verb: edge.verb } }));
  const cy = cytoscape({
    container, elements: [...nodes, ...edges], style: styles(palette()), minZoom: 0.1, maxZoom: 2.5,
    layout: { name: "dagre", rankDir: "LR", nodeSep: 45, rankSep: 110, padding: 30, fit: true },
  });
  cy.on("tap", "node", (event) => location.assign(`/assets/${encodeURIComponent(event.target.id())}`));
  return cy;
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function outline(effect, x, y, shade, fill) {
  const look = { fill, stroke: shade, "stroke-width": 3, ...(effect === "at risk" ? { "stroke-dasharray": "5 3" } : {}) };
  const polygon = (points) => element("polygon", { points: points.map(([a, b]) => `${x + a},${y + b}`).join(" "), ...look });
  if (effect === "fails") return element("circle", { cx: x, cy: y, r: 15, ...look });
  if (effect === "degraded") return polygon([[0, -17], [17, 0], [0, 17], [-17, 0]]);
  if (effect === "down") return polygon([[-6, -15], [6, -15], [15, -6], [15, 6], [6, 15], [-6, 15], [-15, 6], [-15, -6]]);
  return element("rect", { x: x - 15, y: y - 15, width: 30, height: 30, rx: effect === "at risk" ? 6 : 0, ...look });
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
    root.append(element("text", { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 - 3, "font-size": 9, "text-anchor": "middle", fill: shades.muted }, edge.data("verb")));
  }
  for (const node of cy.nodes()) {
    const { x, y } = node.position();
    const effect = node.data("effect");
    root.append(outline(effect, x, y, shades[TOKENS[effect]], effect === "fails" ? shades.accent : shades.surface));
    root.append(element("text", { x, y: y + 32, "font-size": 11, "text-anchor": "middle", fill: shades.text }, short(node.data("name"))));
    root.append(element("text", { x, y: y + 45, "font-size": 10, "text-anchor": "middle", fill: shades.muted }, effect));
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
  const repaint = () => cy.style(styles(palette()));
  document.addEventListener("themechange", repaint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  container.dataset.drawn = String(cy.nodes().length);
}
