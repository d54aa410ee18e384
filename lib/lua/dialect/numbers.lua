-- The functions of `math` that Lua 5.4 has no more.
local math = math
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

math.mod = math.fmod
