import { ESCAPES, visible } from "../words/visible";

/** A piece of a line in one look: class names of styles/stream.css, empty for plain. */
export interface Piece {
  text: string;
  look: string;
}

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;
const MOST_PIECES = 400;

interface Look {
  colour: string;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
}

const PLAIN: Look = { colour: "", bold: false, dim: false, italic: false, underline: false };

/** A line of a terminal as pieces: colours kept, everything else that steers a terminal left out. */
export function pieces(line: string): Piece[] {
  const text = afterLastReturn(line);
  const found: Piece[] = [];
  let look = PLAIN;
  let from = 0;
  for (const match of text.matchAll(ESCAPES)) {
    push(found, text.slice(from, match.index), look);
    from = match.index + match[0].length;
    if (match[2] === "m" && found.length < MOST_PIECES) look = changed(look, match[1] ?? "");
  }
  push(found, text.slice(from), look);
  return found;
}

/** A carriage return begins the line anew: the last state of a progress bar is what counts. */
function afterLastReturn(line: string): string {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  return text.slice(text.lastIndexOf("\r") + 1);
}

function push(found: Piece[], raw: string, look: Look): void {
  if (raw === "") return;
  const classes = [look.colour, look.bold && "b", look.dim && "d", look.italic && "i", look.underline && "u"];
  const name = classes.filter(Boolean).join(" ");
  const last = found.at(-1);
  if (last?.look === name) last.text += visible(raw);
  else found.push({ text: visible(raw), look: name });
}

function changed(look: Look, codes: string): Look {
  const numbers = codes === "" ? [0] : codes.split(/[;:]/).slice(0, 32).map(Number);
  let now = { ...look };
  for (let at = 0; at < numbers.length; at += 1) {
    const code = numbers[at] ?? 0;
    if (code === 0) now = { ...PLAIN };
    else if (code === 1) now.bold = true;
    else if (code === 2) now.dim = true;
    else if (code === 3) now.italic = true;
    else if (code === 4) now.underline = true;
    else if (code === 22) now = { ...now, bold: false, dim: false };
    else if (code === 23) now.italic = false;
    else if (code === 24) now.underline = false;
    else if (code === 39) now.colour = "";
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) now.colour = `a-${NAMES[code % 10] ?? "white"}`;
    else if (code === 38 || code === 48) {
      const extended = numbers.slice(at + 1, at + 5);
      if (code === 38) now.colour = nearest(extended);
      at += extended[0] === 5 ? 2 : 4;
    }
  }
  return now;
}

/** The name nearest to a colour of the 256 or of all: our own palette stays readable in both themes. */
function nearest([mode = 0, a = 0, b = 0, c = 0]: number[]): string {
  if (mode === 2) return named(a, b, c);
  if (mode !== 5) return "";
  if (a < 16) return `a-${NAMES[a % 8] ?? "white"}`;
  if (a >= 232) return a < 244 ? "a-black" : "";
  const cube = a - 16;
  return named(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51);
}

function named(red: number, green: number, blue: number): string {
  const most = Math.max(red, green, blue);
  if (most - Math.min(red, green, blue) < 40) return most > 127 ? "" : "a-black";
  const bit = (value: number, weight: number): number => (value > most * 0.6 ? weight : 0);
  return `a-${NAMES[bit(red, 1) + bit(green, 2) + bit(blue, 4)] ?? "white"}`;
}
