-- The functions of `math` that Lua 5.4 has no more or does otherwise.
local dialect = ...

local math, expect, tonumber = math, dialect.expect, tonumber
local abs, exp, floor, huge, log = math.abs, math.exp, math.floor, math.huge, math.log

math.atan2 = math.atan

function math.pow(x, y)
  return x ^ y
end

function math.log10(x)
  return log(x, 10)
end

function math.cosh(x)
  return (exp(x) + exp(-x)) / 2
end

-- By exp() alone small numbers would lose their digits.
function math.sinh(x)
  if abs(x) < 1e-4 then return x + x * x * x / 6 end
  return (exp(x) - exp(-x)) / 2
end

function math.tanh(x)
  if abs(x) < 1e-4 then return x - x * x * x / 3 end
  if abs(x) > 20 then return x > 0 and 1.0 or -1.0 end
  local a, b = exp(x), exp(-x)
  return (a - b) / (a + b)
end

-- In two steps, as 2^e alone overflows where the product does not.
function math.ldexp(m, e)
  local half = floor(e / 2)
  return m * 2.0 ^ half * 2.0 ^ (e - half)
end

function math.frexp(x)
  if x == 0 or x ~= x or x == huge or x == -huge then return x, 0 end
  local e = 0
  if abs(x) < 2.0 ^ -1000 then x, e = x * 2.0 ^ 100, -100 end
  local power = floor(log(abs(x), 2)) + 1
  local m = x / 2.0 ^ (power // 2) / 2.0 ^ (power - power // 2)
  if abs(m) >= 1 then
    m, power = m / 2, power + 1
  elseif abs(m) < 0.5 then
    m, power = m * 2, power - 1
  end
  return m, power + e
end

-- With integers Lua 5.4 refuses to divide by zero.
local native_fmod = dialect.name_native("fmod", math.fmod)

function math.fmod(x, y)
  if y == 0 then y = 0.0 end
  return native_fmod(x, y)
end

math.mod = math.fmod

-- Lua 5.4 takes integers, and gives back the seed.
local randomseed = math.randomseed

function math.randomseed(seed)
  expect(tonumber(seed), 1, "randomseed", "number")
  randomseed(seed + 0.0 ~= seed + 0.0 and 0 or floor(native_fmod(seed, 2.0 ^ 53)))
end
