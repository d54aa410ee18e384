import { assertEquals } from "@std/assert";
import { call, withEngine } from "./open_engine.ts";

/** 2024-02-29 13:05:09 UTC, a Thursday. */
const TIME = Date.UTC(2024, 1, 29, 13, 5, 9) / 1000;

Deno.test("os.date() formats as strftime() does", async () => {
  await withEngine({}, async (engine) => {
    const format =
      "%a|%A|%b|%B|%c|%C|%d|%D|%e|%F|%g|%G|%h|%H|%I|%j|%m|%M|%n|%p|%r|%R|%S|%t|%T|%u|%U|%V|%w|%W|%x|%X|%y|%Y|%z|%%|%Ey|%Od";
    const expected = [
      ...["Thu", "Thursday", "Feb", "February", "Thu Feb 29 13:05:09 2024", "20", "29", "02/29/24", "29", "2024-02-29"],
      ...[
        "24",
        "2024",
        "Feb",
        "13",
        "01",
        "060",
        "02",
        "05",
        "\n",
        "PM",
        "01:05:09 PM",
        "13:05",
        "09",
        "\t",
        "13:05:09",
      ],
      ...["4", "08", "09", "4", "09", "02/29/24", "13:05:09", "24", "2024", "+0000", "%", "24", "29"],
    ];
    const [text] = await call(engine, `return os.date("!${format}", ${TIME})`);
    assertEquals(String(text).split("|"), expected);
  });
});

Deno.test("os.date() and os.time() agree with each other and with the clock", async () => {
  await withEngine({}, async (engine) => {
    const source = `
      local t = os.date("*t", ${TIME})
      return os.time(t), os.date("!*t", ${TIME}), os.time() - ${Math.floor(Date.now() / 1000)} < 5,
        os.time({ year = 2024, month = 14, day = -3, hour = 12 }) == os.time({ year = 2025, month = 1, day = 28, hour = 12 }),
        type(os.clock()), os.difftime(5, 2)`;
    assertEquals(await call(engine, source), [
      TIME,
      { year: 2024, month: 2, day: 29, hour: 13, min: 5, sec: 9, wday: 5, yday: 60, isdst: false },
      true,
      true,
      "number",
      3,
    ]);
  });
});

Deno.test("ISO weeks at the turn of the year belong to the right year", async () => {
  await withEngine({}, async (engine) => {
    for (
      const [year, month, day, week] of [
        [2021, 1, 3, "2020-W53"],
        [2021, 1, 4, "2021-W01"],
        [2018, 12, 31, "2019-W01"],
        [2026, 12, 31, "2026-W53"],
      ] as const
    ) {
      const time = Date.UTC(year, month - 1, day) / 1000;
      assertEquals(await call(engine, `return os.date("!%G-W%V", ${time})`), [week]);
    }
  });
});
