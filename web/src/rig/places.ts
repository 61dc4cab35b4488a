/**
 * Who stands where on the wall. Nobody moves while others come and go: whoever leaves frees a place, whoever comes
 * takes the first free one, and only free places at the end are taken away.
 */
export function seated(places: readonly (string | null)[], present: readonly string[]): (string | null)[] {
  const here = new Set(present);
  const next = places.map((id) => (id !== null && here.has(id) ? id : null));
  const seated = new Set(next);
  for (const id of present) {
    if (seated.has(id)) continue;
    const free = next.indexOf(null);
    if (free < 0) next.push(id);
    else next[free] = id;
  }
  while (next.length > 0 && next.at(-1) === null) next.pop();
  return next;
}

export interface Layout {
  columns: number;
  /** Pixels. */
  height: number;
}

/** Pixels between panes; as in styles/wall.css. */
export const GAP = 10;
const NARROWEST = 280;
const LOWEST = 236;
/** Below this many pixels it is a phone: one pane at a time. */
const PHONE = 520;

/** Columns and height of panes so that `count` of them fill `width` × `height` pixels, and stay readable. */
export function fitted(count: number, width: number, height: number): Layout {
  if (width < PHONE) return { columns: 1, height: Math.max(LOWEST, height) };
  const most = Math.max(1, Math.floor((width + GAP) / (NARROWEST + GAP)));
  const columns = Math.max(1, Math.min(most, count <= 3 ? count : Math.ceil(Math.sqrt(count * Math.max(0.6, width / Math.max(1, height) / 1.6)))));
  const rows = Math.max(1, Math.ceil(count / columns));
  return { columns, height: Math.max(LOWEST, Math.floor((height - GAP * (rows - 1)) / rows)) };
}

/** Rows of `pitch` pixels that are on a screen of `height` pixels, `above` of which are scrolled away; and one on each side. */
export function seen(above: number, height: number, pitch: number): { first: number; last: number } {
  return { first: Math.max(0, Math.floor(above / pitch) - 1), last: Math.max(0, Math.floor((above + height) / pitch) + 1) };
}
