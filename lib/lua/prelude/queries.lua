-- `proxy.queries`: the queue itself is kept by the host. Field -1 is the connection's number; from -2 on, downwards, are the
-- packets, as the strings that the script has given. Scripts that take it for an array do not get at them.
local raw, objects = ...
local setmetatable, tostring, error = setmetatable, tostring, error

local meta = {
  __index = {
    append = raw.queue_append,
    prepend = raw.queue_prepend,
    reset = raw.queue_reset,
    len = raw.queue_length,
  },
  __len = raw.queue_length,
  __newindex = function(_, key)
    error("proxy.queries." .. tostring(key) .. " is not writable", 2)
  end,
  __metatable = false,
}

function objects.queue(id)
  return setmetatable({ [-1] = id }, meta)
end
