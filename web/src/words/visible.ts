/**
 * Characters that change how others are shown, or that nobody sees: directions, zero-width, controls, tags. Text of
 * agents could lie with them, so they are shown by their number.
 */
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]|[\u{e0000}-\u{e0fff}]/gu;
/** Joiners are right inside of emoji and some scripts, and nowhere else. */
// eslint-disable-next-line no-control-regex
const LOOSE_JOINERS = /(?<=[\u0000-\u024f]|^)[\u200c\u200d]+|[\u200c\u200d]+(?=[\u0000-\u024f]|$)/gu;
/** More marks than this on one letter would grow over its neighbours. */
const PILES = /(\p{M}{4})\p{M}+/gu;

/** Escape sequences: CSI, OSC and other strings (to their end, or to the line's), and two-character ones. */
export const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)([0-?]*)[ -/]*([@-~])|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)|\u001b[ -/]*[0-~]?/g;

/** The same text, with nothing in it that hides or reorders. */
export function visible(text: string): string {
  return text.replace(ESCAPES, "").replace(HIDDEN, numbered).replace(LOOSE_JOINERS, numbered).replace(PILES, "$1");
}

function numbered(found: string): string {
  return [...found].map((char) => `‹U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}›`).join("");
}
