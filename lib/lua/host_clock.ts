/**
 * Time and calendar for Lua's C library: the imports behind `os.time`, `os.date` and `os.clock`.
 *
 * @module
 */
import type { Heap } from "./heap.ts";
import type { Imports } from "./wasm_imports.ts";

/** Words of a `struct tm`, by their place in it. */
const TM = {
  sec: 0,
  min: 1,
  hour: 2,
  mday: 3,
  mon: 4,
  year: 5,
  wday: 6,
  yday: 7,
  isdst: 8,
  gmtoff: 9,
  zone: 10,
} as const;

type Field = keyof typeof TM;

const FIELDS: readonly Field[] = ["sec", "min", "hour", "mday", "mon", "year", "wday", "yday", "isdst", "gmtoff"];

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
// deno-fmt-ignore
const MONTHS = [
  "January", "February", "March", "April", "May", "June",
  "July", "August", "September", "October", "November", "December",
];
const DAY_MS = 86_400_000;

/** Adds the imports; `malloc` keeps the two names of the time zone. */
export function hostClock(imports: Imports, heap: Heap, malloc: (size: number) => number): void {
  const words = () => new Int32Array(heap.words.buffer);

  const write = (tm: number, values: Partial<Record<Field, number>>) => {
    const target = words();
    for (const name of FIELDS) {
      const value = values[name];
      if (value !== undefined) target[(tm >> 2) + TM[name]] = value;
    }
  };

  const writeLocal = (tm: number, date: Date) =>
    write(tm, {
      sec: date.getSeconds(),
      min: date.getMinutes(),
      hour: date.getHours(),
      mday: date.getDate(),
      mon: date.getMonth(),
      year: date.getFullYear() - 1900,
      wday: date.getDay(),
      yday: dayOfYear(date.getFullYear(), date.getMonth(), date.getDate()),
      isdst: isSummer(date) ? 1 : 0,
      gmtoff: -60 * date.getTimezoneOffset(),
    });

  Object.assign(imports.env, {
    emscripten_date_now: () => Date.now(),
    _emscripten_get_now_is_monotonic: () => 1,

    _gmtime_js(time: bigint, tm: number): void {
      const date = new Date(Number(time) * 1000);
      write(tm, {
        sec: date.getUTCSeconds(),
        min: date.getUTCMinutes(),
        hour: date.getUTCHours(),
        mday: date.getUTCDate(),
        mon: date.getUTCMonth(),
        year: date.getUTCFullYear() - 1900,
        wday: date.getUTCDay(),
        yday: dayOfYear(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()),
      });
    },

    _localtime_js(time: bigint, tm: number): void {
      writeLocal(tm, new Date(Number(time) * 1000));
    },

    _mktime_js(tm: number): bigint {
      const [sec = 0, min = 0, hour = 0, mday = 0, mon = 0, year = 0] = words().subarray(tm >> 2, (tm >> 2) + 6);
      const date = new Date(year + 1900, mon, mday, hour, min, sec);
      if (year + 1900 < 100) date.setFullYear(year + 1900);
      const saving = words()[(tm >> 2) + TM.isdst] ?? -1;
      const [winter, summer] = offsets(date.getFullYear());
      // A caller who says that it is summer time, or not, means the clock of that time.
      if (saving >= 0 && winter !== summer && saving > 0 !== isSummer(date)) {
        date.setTime(date.getTime() + ((saving > 0 ? summer : winter) - date.getTimezoneOffset()) * 60_000);
      }
      if (Number.isNaN(date.getTime())) return -1n;
      writeLocal(tm, date);
      return BigInt(Math.trunc(date.getTime() / 1000));
    },

    _tzset_js(timezone: number, daylight: number, names: number): void {
      const [winter, summer] = offsets(new Date().getFullYear());
      const name = (month: number) => {
        const date = new Date(new Date().getFullYear(), month, 1);
        const found = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(date)
          .find((part) => part.type === "timeZoneName")?.value ?? "UTC";
        const bytes = new TextEncoder().encode(found + "\0");
        const at = malloc(bytes.length);
        if (at !== 0) heap.bytes.set(bytes, at);
        return at;
      };
      const january = name(0);
      const july = name(6);
      const target = words();
      target[timezone >> 2] = winter * 60;
      target[daylight >> 2] = winter === summer ? 0 : 1;
      const southern = new Date(new Date().getFullYear(), 0, 1).getTimezoneOffset() !== winter;
      target[names >> 2] = southern ? july : january;
      target[(names >> 2) + 1] = southern ? january : july;
    },

    strftime(target: number, size: number, format: number, tm: number): number {
      const fields = words().slice(tm >> 2, (tm >> 2) + 11);
      const text = formatTime(cstringAt(heap.bytes, format), fields, (at) => cstringAt(heap.bytes, at));
      const bytes = new TextEncoder().encode(text);
      if (bytes.length + 1 > size) return 0;
      const memory = heap.bytes;
      memory.set(bytes, target);
      memory[target + bytes.length] = 0;
      return bytes.length;
    },
  });
}

function cstringAt(memory: Uint8Array, at: number): string {
  return at === 0 ? "" : new TextDecoder().decode(memory.slice(at, memory.indexOf(0, at)));
}

function dayOfYear(year: number, month: number, day: number): number {
  return Math.round((Date.UTC(2000 + year % 400, month, day) - Date.UTC(2000 + year % 400, 0, 1)) / DAY_MS);
}

/** Minutes behind UTC in winter and in summer, as `getTimezoneOffset()` has them. */
function offsets(year: number): [winter: number, summer: number] {
  const january = new Date(year, 0, 1).getTimezoneOffset();
  const july = new Date(year, 6, 1).getTimezoneOffset();
  return [Math.max(january, july), Math.min(january, july)];
}

function isSummer(date: Date): boolean {
  const [winter, summer] = offsets(date.getFullYear());
  return winter !== summer && date.getTimezoneOffset() === summer;
}

/** `strftime()` in the C locale (C99 7.23.3.5); `fields` are the words of a `struct tm`. */
function formatTime(format: string, fields: Int32Array, textAt: (pointer: number) => string): string {
  const field = (name: Field) => fields[TM[name]] ?? 0;
  const year = field("year") + 1900;
  const hour12 = field("hour") % 12 === 0 ? 12 : field("hour") % 12;
  const day = DAYS[field("wday")] ?? "?";
  const month = MONTHS[field("mon")] ?? "?";
  const week = (first: number) => Math.floor((field("yday") + 7 - (field("wday") - first + 7) % 7) / 7);
  const again = (inner: string) => formatTime(inner, fields, textAt);

  const expand = (conversion: string): string => {
    switch (conversion) {
      case "a":
        return day.slice(0, 3);
      case "A":
        return day;
      case "b":
      case "h":
        return month.slice(0, 3);
      case "B":
        return month;
      case "c":
        return again("%a %b %e %H:%M:%S %Y");
      case "C":
        return padded(Math.floor(year / 100));
      case "d":
        return padded(field("mday"));
      case "D":
      case "x":
        return again("%m/%d/%y");
      case "e":
        return padded(field("mday"), 2, " ");
      case "F":
        return again("%Y-%m-%d");
      case "g":
        return padded(isoWeek(year, field("yday"), field("wday")).year % 100);
      case "G":
        return `${isoWeek(year, field("yday"), field("wday")).year}`;
      case "H":
        return padded(field("hour"));
      case "I":
        return padded(hour12);
      case "j":
        return padded(field("yday") + 1, 3);
      case "m":
        return padded(field("mon") + 1);
      case "M":
        return padded(field("min"));
      case "n":
        return "\n";
      case "p":
        return field("hour") < 12 ? "AM" : "PM";
      case "r":
        return again("%I:%M:%S %p");
      case "R":
        return again("%H:%M");
      case "S":
        return padded(field("sec"));
      case "t":
        return "\t";
      case "T":
      case "X":
        return again("%H:%M:%S");
      case "u":
        return `${field("wday") || 7}`;
      case "U":
        return padded(week(0));
      case "V":
        return padded(isoWeek(year, field("yday"), field("wday")).week);
      case "w":
        return `${field("wday")}`;
      case "W":
        return padded(week(1));
      case "y":
        return padded(((year % 100) + 100) % 100);
      case "Y":
        return `${year}`;
      case "z": {
        const minutes = Math.abs(Math.trunc(field("gmtoff") / 60));
        return `${field("gmtoff") < 0 ? "-" : "+"}${padded(Math.floor(minutes / 60))}${padded(minutes % 60)}`;
      }
      case "Z":
        return textAt(field("zone"));
      default:
        return conversion;
    }
  };
  return format.replace(/%[EO]?(.)/gs, (_, conversion: string) => expand(conversion));
}

function padded(n: number, width = 2, fill = "0"): string {
  return `${n}`.padStart(width, fill);
}

/** The week by ISO 8601 and the year that it belongs to; `yearDay` from 0, `weekDay` from Sunday. */
function isoWeek(year: number, yearDay: number, weekDay: number): { year: number; week: number } {
  const thursday = new Date(Date.UTC(year, 0, 1 + yearDay + 4 - (weekDay || 7)));
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return { year: thursday.getUTCFullYear(), week: 1 + Math.floor((thursday.getTime() - first) / (7 * DAY_MS)) };
}
