/**
 * Lets C functions of Lua take numbers with a fraction where they want integers, as Lua 5.1 does: `s:sub(1, #s / 2)`,
 * `string.format("%d", 2.5)`, `os.date("%c", x)`.
 *
 * All of them ask `lua_tointegerx`, which refuses fractions. Wrapping each would slow down the most used functions of all,
 * so two bytes of that function are changed before it is compiled.
 *
 * @module
 */

const FLOOR = 0x9c;
const TRUNCATE = 0x9d;

/** `local.tee 7; f64.floor; local.tee 6; local.get 7; f64.ne`: the number, rounded down, compared with itself. */
const COMPARED = [0x22, 7, FLOOR, 0x22, 6, 0x20, 7, 0x62];
/** The number without its fraction, compared with itself: different only for NaN. */
const CUT = [0x22, 7, TRUNCATE, 0x22, 6, 0x20, 6, 0x62];

/**
 * Changes wasmoon's module in place.
 *
 * @returns Whether it was the module that this is made for.
 */
export function cutFractions(module: Uint8Array): boolean {
  const found: number[] = [];
  for (let at = module.indexOf(FLOOR); at >= 0; at = module.indexOf(FLOOR, at + 1)) {
    if (COMPARED.every((byte, i) => module[at - 2 + i] === byte)) found.push(at - 2);
  }
  const [at] = found;
  if (at === undefined || found.length > 1) return false;
  module.set(CUT, at);
  return true;
}
