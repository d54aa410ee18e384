-- debug.getinfo() and debug.traceback(), which take the functions of the dialect for C functions.
local dialect = ...

local debug, type = debug, type
local native_getinfo, native_traceback = debug.getinfo, debug.traceback
local classic_traceback = dialect.classic_traceback

function debug.getinfo(thread, f, what)
  local info
  if type(thread) == "thread" then
    info = native_getinfo(thread, f, what or "flnSu")
  elseif type(thread) == "number" then
    info = native_getinfo(thread + 1, f or "flnSu")
  else
    info = native_getinfo(thread, f or "flnSu")
  end
  if info ~= nil and info.source == "=?" then
    info.source, info.short_src, info.what, info.linedefined, info.lastlinedefined = "=[C]", "[C]", "C", -1, -1
  end
  return info
end

function debug.traceback(thread, message, level)
  local is_thread = type(thread) == "thread"
  if not is_thread then
    thread, message, level = nil, thread, message
  end
  if message ~= nil and type(message) ~= "string" and type(message) ~= "number" then return message end
  local text
  if is_thread then text = native_traceback(thread, message, level) else text = native_traceback(message, (level or 1) + 1) end
  local classic = classic_traceback(text, message and #(message .. "") or 0)
  return classic
end
