/** Moments and the clocks of their zones. A moment is a number of milliseconds; a local time "2030-01-31T09:00:00". */
const DAY_MS = 86_400_000;
const formats = new Map();

/** Return whether the browser knows the zone. */
export function isZone(zone) {
  try {
    format(zone);
    return true;
  } catch {
    return false;
  }
}

/** Return what a clock in the zone shows, to the second, or to the millisecond where there are any. */
export function localTime(ms, zone) {
  const shown = new Date(ms + offsetMs(ms, zone)).toISOString();
  return shown.endsWith(".000Z") ? shown.slice(0, 19) : shown.slice(0, 23);
}

/** Return the moments at which a clock in the zone shows this: none where it is put forward, two where it is put back. */
export function moments(local, zone) {
  const asUtc = Date.parse(`${local}Z`);
  if (Number.isNaN(asUtc)) return [];
  const offsets = new Set([asUtc - DAY_MS, asUtc + DAY_MS].map((near) => offsetMs(near, zone)));
  const found = [...offsets].map((offset) => asUtc - offset);
  return found.filter((ms) => ms + offsetMs(ms, zone) === asUtc).sort((one, other) => one - other);
}

/** Return "2030-01-31 09:00:00 UTC+09:00"; with `bare`, without the offset. */
export function inZone(ms, zone, bare = false) {
  const shown = localTime(ms, zone).replace("T", " ");
  return bare ? shown : `${shown} ${offsetName(ms, zone)}`;
}

/** Return "2030-01-31 09:00:00 UTC+09:00 (Asia/Seoul)"; UTC is its own name. */
export function inNamedZone(ms, zone) {
  return zone === "UTC" ? inZone(ms, zone) : `${inZone(ms, zone)} (${zone})`;
}

/** Return the moment in the API's own words. */
export function rfc3339(ms) {
  return new Date(ms).toISOString();
}

/** Return "UTC+09:00", or "UTC" where it is that. */
export function offsetName(ms, zone) {
  const minutes = Math.round(offsetMs(ms, zone) / 60_000);
  if (!minutes) return "UTC";
  const two = (number) => String(number).padStart(2, "0");
  return `UTC${minutes < 0 ? "-" : "+"}${two(Math.trunc(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** Return the weekday, in the zone. */
export function weekday(ms, zone) {
  return new Intl.DateTimeFormat("en-GB", { weekday: "long", timeZone: zone }).format(ms);
}

/** Return the zone of this browser. */
export function ownZone() {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Return the time of day on this browser's clock. */
export function clock(ms) {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
}

/** Return how long that is, in its two largest units. */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const units = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
  let left = seconds;
  const parts = units.map(([name, size]) => {
    const count = Math.trunc(left / size);
    left -= count * size;
    return [count, name];
  });
  const first = parts.findIndex(([count]) => count);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([count]) => count).map((part) => part.join(" ")).join(" ");
}

function offsetMs(ms, zone) {
  const part = Object.fromEntries(format(zone).formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const shown = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
  return shown - Math.floor(ms / 1000) * 1000;
}

function format(zone) {
  if (!formats.has(zone)) {
    const fields = Object.fromEntries(["year", "month", "day", "hour", "minute", "second"].map((name) => [name, "numeric"]));
    formats.set(zone, new Intl.DateTimeFormat("en-US", { ...fields, hourCycle: "h23", timeZone: zone }));
  }
  return formats.get(zone);
}
