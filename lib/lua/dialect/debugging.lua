-- debug.getinfo() and debug.traceback(), which take the functions of the dialect for C functions.
--
-- Between them and the script there is a function of C (see levels.ts).
local dialect = ...

local debug, select, type = debug, select, type
local native_getinfo, native_traceback = debug.getinfo, debug.traceback
local classic_traceback = dialect.classic_traceback

function debug.getinfo(thread, f, what)
  local info
  if type(thread) == "thread" then
    info = native_getinfo(thread, f, what or "flnSu")
  elseif type(thread) == "number" then
    info = native_getinfo(thread == 0 and 1 or thread + 2, f or "flnSu")
  else
    info = native_getinfo(thread, f or "flnSu")
  end
  if info ~= nil and info.source == "=?" then
    info.source, info.short_src, info.what, info.linedefined, info.lastlinedefined = "=[C]", "[C]", "C", -1, -1
  end
  return info
end

function debug.traceback(...)
  local thread, message, level = ...
  local count = select("#", ...)
  if type(thread) == "thread" then
    count = count - 1
  else
    thread, message, level = nil, thread, message
  end
  if count > 0 and type(message) ~= "string" and type(message) ~= "number" then return message end
  local text
  if thread then
    text = native_traceback(thread, message, level)
  else
    text = native_traceback(message, level == 0 and 1 or (level or 1) + 2)
  end
  local classic = classic_traceback(text, message and #(message .. "") or 0)
  return classic
end
