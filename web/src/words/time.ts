const UNITS: readonly (readonly [number, string])[] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** Seconds in at most two units: `8 s`, `3 min 10 s`, `2 h 5 min`. The same words as on the command line. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  for (const [place, [size, name]] of UNITS.entries()) {
    if (whole < size || size === 1) continue;
    const [smaller, its] = UNITS[place + 1] ?? [1, "s"];
    const rest = Math.floor((whole % size) / smaller);
    return `${Math.floor(whole / size)} ${name}${rest ? ` ${rest} ${its}` : ""}`;
  }
  return `${whole} s`;
}

/** Seconds like a stopwatch: `0:48`, `4:12`, `1:02:03`. */
export function stopwatch(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const tail = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** Seconds from an ISO 8601 time until `now` (milliseconds); negative for one to come. */
export function age(iso: string, now: number): number {
  return (now - Date.parse(iso)) / 1000;
}

/** How long ago, without ticking seconds: `now`, `3 min ago`, `2 h ago`, `4 d ago`. */
export function ago(iso: string, now: number): string {
  const seconds = age(iso, now);
  if (seconds < 60) return "just now";
  for (const [size, name] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${name} ago`;
  return "just now";
}

const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { year: "numeric", month: "short", day: "numeric" });

/** `14:03:59` */
export function clockTime(iso: string): string {
  return TIME.format(new Date(iso));
}

/** `14:03:59`, with the day if it is another one. */
export function clockDay(iso: string, now: number): string {
  const at = new Date(iso);
  const today = new Date(now);
  return at.toDateString() === today.toDateString() ? TIME.format(at) : `${DAY.format(at)}, ${TIME.format(at)}`;
}

/** Bytes as `812 MB` or `1.2 GB`. */
export function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.round(bytes / 1e3)} kB`;
}

/** `1 bead`, `3 beads`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** `1st`, `2nd`, `11th`, `23rd`. */
export function ordinal(number: number): string {
  const tail = number % 100;
  const ending = tail > 10 && tail < 14 ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return `${number}${ending}`;
}
