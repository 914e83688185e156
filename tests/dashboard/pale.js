// Words whose contrast with what lies behind them is below 4.5:1 (3:1 where they are large): [text, ratio] each.
() => {
  const parse = (text) => (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const over = (top, under) => { const a = top[3] ?? 1; return [0, 1, 2].map((i) => a * top[i] + (1 - a) * under[i]); };
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((x) => x / 255).map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    const layers = [];
    for (let p = e; p; p = p.parentElement) layers.push(parse(getComputedStyle(p).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const pale = [];
  for (const e of document.querySelectorAll("[data-testid=stMain] *, svg text")) {
    const own = [...e.childNodes].filter((n) => n.nodeType === 3 && n.textContent.trim()).map((n) => n.textContent.trim()).join(" ");
    const style = getComputedStyle(e);
    if (!own || !e.getClientRects().length || style.visibility === "hidden" || e.closest("canvas, [disabled], [aria-disabled=true], style, [data-testid=stIconMaterial]")) continue;
    let seen = 1;
    for (let p = e; p; p = p.parentElement) seen *= Number(getComputedStyle(p).opacity);
    if (!seen) continue;
    const under = behind(e), colour = parse(e.tagName === "text" ? style.fill : style.color);
    const words = over([...colour.slice(0, 3), (colour[3] ?? 1) * seen], under);
    const [a, b] = [light(words), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
    if (ratio < (size >= 24 ? 3 : 4.5)) pale.push([own.slice(0, 40), Math.round(100 * ratio) / 100]);
  }
  return pale;
}
