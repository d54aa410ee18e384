-- `proxy.global` as one table to the Lua states of all event threads. What it promises: see global_table.ts.
--
-- A shared table is an empty table whose metatable, the node, knows its content:
--   store    the content; `__index`, so that reading costs no call
--   stamps   key -> the time of the write that it is from, negative for a deletion
--   dirty    the keys that a script has written since the last flush
--   id       its name in all states
--   partial  not all of its content is known here: it had been collected, or its creation is still to come
--   pruned   the latest deletion that has been forgotten
--   user     the metatable that the script has given it
local host, thread, threads, seed1, seed2 = ...
local type, rawget, rawset, rawequal, error, debug = type, rawget, rawset, rawequal, error, debug
-- Lua's own, whatever next() is by now.
local next = (pairs({}))
local getmeta, setmeta = debug.getmetatable, debug.setmetatable
local pack, unpack, byte, sub, concat, sort = string.pack, string.unpack, string.byte, string.sub, table.concat, table.sort
local math_type, setmetatable, getmetatable = math.type, setmetatable, getmetatable
local mark, send, tick, now = host.mark, host.send, host.tick, host.now

local ROOT = 0
local WRITE, CREATE, SNAPSHOT, WANT, BEAT = 1, 2, 3, 4, 5
local NIL, FALSE, TRUE, INTEGER, FLOAT, STRING, TABLE = 0, 1, 2, 3, 4, 5, 6

-- id -> node. Weak: a table that no script and no other table refers to goes.
local nodes = setmetatable({}, { __mode = "v" })
local dirty_nodes, dirty_count = {}, 0
-- Deletions that must be remembered until no older write can arrive: node, key, stamp, ...
local deletions, deletion_count = {}, 0
-- Written elsewhere before their creation has come: kept until it must have come. node -> stamp
local orphans = {}
-- Of each other thread: up to when its writes have come, and up to when it has those of all others.
local heard, complete = {}, {}
local told_now, told_complete = 0, 0
local created = 0

-- SipHash-1-3 of a string whose length is no secret: ids must not collide because a client has chosen the keys.
local function hash(text)
  local v0, v1 = seed1 ~ 0x736f6d6570736575, seed2 ~ 0x646f72616e646f6d
  local v2, v3 = seed1 ~ 0x6c7967656e657261, seed2 ~ 0x7465646279746573
  local length = #text
  text = text .. sub("\0\0\0\0\0\0\0", 1, -length % 8) .. pack("<i8", length)
  local words = (length + 7) // 8 + 1
  for i = 1, words + 3 do
    local word = 0
    if i <= words then
      word = unpack("<i8", text, i * 8 - 7)
    elseif i == words + 1 then
      v2 = v2 ~ 0xff
    end
    v3 = v3 ~ word
    v0 = v0 + v1
    v1 = (v1 << 13 | v1 >> 51) ~ v0
    v0 = v0 << 32 | v0 >> 32
    v2 = v2 + v3
    v3 = (v3 << 16 | v3 >> 48) ~ v2
    v0 = v0 + v3
    v3 = (v3 << 21 | v3 >> 43) ~ v0
    v2 = v2 + v1
    v1 = (v1 << 17 | v1 >> 47) ~ v2
    v2 = v2 << 32 | v2 >> 32
    v0 = v0 ~ word
  end
  return v0 ~ v1 ~ v2 ~ v3
end

-- What a script does with a shared table ------------------------------------------------------------------------------

local function assign(node, key, value)
  local dirty = node.dirty
  if not dirty then
    dirty = {}
    node.dirty = dirty
    dirty_count = dirty_count + 1
    dirty_nodes[dirty_count] = node
    if dirty_count == 1 then mark() end
  end
  -- First: a script that is stopped between the two has not written anything that the others are not told.
  dirty[key] = true
  node.store[key] = value
end

local function write(shared, key, value)
  local node = getmeta(shared)
  local old = node.store[key]
  if old == nil then
    local handler = node.user and node.user.__newindex
    if handler ~= nil then
      if type(handler) == "function" then return handler(shared, key, value) end
      handler[key] = value
      return
    end
    if key == nil then error("table index is nil", 2) end
    if key ~= key then error("table index is NaN", 2) end
    if value == nil then return end
  elseif rawequal(old, value) then
    return
  end
  assign(node, key, value)
end

local function each(shared)
  return next, getmeta(shared).store, nil
end

local function step(shared, key)
  return next(getmeta(shared).store, key)
end

local function length(shared)
  return #getmeta(shared).store
end

local OWN = {
  __host = true, __index = true, __newindex = true, __pairs = true, __next = true, __len = true,
  __gc = true, __mode = true, __metatable = true, __name = true,
}

local function set_user(node, user)
  for name in next, node.user or {} do
    if type(name) == "string" and sub(name, 1, 2) == "__" and not OWN[name] then node[name] = nil end
  end
  node.user = user
  local store = node.store
  node.__index = store
  if not user then return end
  for name, handler in next, user do
    if type(name) == "string" and sub(name, 1, 2) == "__" and not OWN[name] then node[name] = handler end
  end
  node.__index = function(shared, key)
    local value = store[key]
    if value ~= nil then return value end
    local index = user.__index
    if type(index) == "function" then return index(shared, key) end
    if index ~= nil then return index[key] end
  end
end

local function new_node(id, shared, store)
  local node = {
    __host = true, __index = store, __newindex = write, __pairs = each, __next = step, __len = length,
    id = id, table = shared, store = store, stamps = {}, pruned = 0,
  }
  nodes[id] = node
  setmeta(shared, node)
  return node
end

local function node_of(value)
  local meta = getmeta(value)
  if meta and rawget(meta, "__newindex") == write then return meta end
end

-- The errors of the original functions are raised here, so that they have the script's position.
local function check_table(value, name)
  if type(value) ~= "table" then
    error("bad argument #1 to '" .. name .. "' (table expected, got " .. (value == nil and "no value" or type(value)) .. ")", 3)
  end
end

function _G.setmetatable(value, meta)
  if getmeta(value) == nil and type(value) == "table" and type(meta) == "table" then return setmetatable(value, meta) end
  check_table(value, "setmetatable")
  if meta ~= nil and type(meta) ~= "table" then error("bad argument #2 to 'setmetatable' (nil or table expected)", 2) end
  local old = getmeta(value)
  local node = old and rawget(old, "__newindex") == write and old
  local user = old
  if node then user = node.user end
  if user and rawget(user, "__metatable") ~= nil then error("cannot change a protected metatable", 2) end
  if not node then return setmetatable(value, meta) end
  set_user(node, meta)
  return value
end

function _G.getmetatable(value)
  local node = type(value) == "table" and node_of(value)
  if not node then return getmetatable(value) end
  local user = node.user
  local shown = user and rawget(user, "__metatable")
  if shown ~= nil then return shown end
  return user
end

function _G.rawset(value, key, new)
  check_table(value, "rawset")
  if key == nil then error("table index is nil", 2) end
  if key ~= key then error("table index is NaN", 2) end
  local node = node_of(value)
  if not node then return rawset(value, key, new) end
  assign(node, key, new)
  return value
end

function _G.rawget(value, key)
  check_table(value, "rawget")
  local node = node_of(value)
  if not node then return rawget(value, key) end
  return node.store[key]
end

-- What is told to the others ------------------------------------------------------------------------------------------

local local_tables = setmetatable({ [_G] = true, [package] = true }, { __mode = "k" })
for _, module in next, package.loaded do
  if type(module) == "table" then local_tables[module] = true end
end
local_tables[package.loaded] = true
if type(proxy) == "table" then local_tables[proxy] = true end

-- Whether a table that is no shared one may become one: not the host's objects, not modules, not environments.
local function may_share(value)
  if local_tables[value] or rawget(value, "_M") == value then return false end
  local meta = getmeta(value)
  if not meta then return true end
  return rawget(meta, "__host") == nil and rawget(meta, "__metatable") == nil and rawget(meta, "__index") ~= _G
end

-- The bytes of what is no table; nil for what is no plain data.
local function encode(value)
  local kind = type(value)
  if kind == "string" then return pack("<Bs4", STRING, value) end
  if kind == "number" then
    if math_type(value) == "integer" then return pack("<Bi8", INTEGER, value) end
    return pack("<Bd", FLOAT, value)
  end
  if kind == "boolean" then return value and "\2" or "\1" end
  if kind == "nil" then return "\0" end
end

-- The same names are written again and again: those of the last second, encoded.
local names, name_count = {}, 0

local function encode_key(key)
  local bytes = names[key]
  if bytes then return bytes end
  local kind = type(key)
  if kind == "number" or kind == "boolean" then return encode(key) end
  if kind ~= "string" then return nil end
  bytes = encode(key)
  if #key <= 40 then
    if name_count == 1000 then names, name_count = {}, 0 end
    names[key] = bytes
    name_count = name_count + 1
  end
  return bytes
end

-- Makes a plain table a shared one, in place. `new` collects those whose whole content is to be sent.
local function adopt(value, parent, key, encoded_key, new)
  local before = parent.stamps[key]
  local id
  if before and before > 0 then
    created = created + 1
    id = hash(pack("<Bi8i8", 1, thread, created))
  else
    -- Nothing was there: a thread that does the same at the same time comes to the same id, and the tables are one.
    id = hash(pack("<Bi8i8", 2, parent.id, before and -before or parent.pruned) .. encoded_key)
  end
  local user = getmeta(value)
  local node = nodes[id]
  local store = node and node.store or {}
  for k, v in next, value do store[k] = v end
  -- Then empty it: a failure in between loses nothing.
  if node then setmeta(value, node) else node = new_node(id, value, store) end
  for k in next, value do value[k] = nil end
  if user then set_user(node, user) end
  new[#new + 1] = node
  return node
end

-- Adds the entries `keys` of a node to `parts`, and remembers when they were written.
local function put_entries(parts, kind, node, keys, stamp, new)
  local store, stamps = node.store, node.stamps
  local head = #parts + 1
  parts[head] = ""
  local n, count = head, 0
  local tables
  for key in next, keys do
    local value = store[key]
    local k = encode_key(key)
    if not k then
      -- Stays here.
    elseif type(value) == "table" and not node_of(value) then
      tables = tables or {}
      tables[#tables + 1] = { k, key, value }
    else
      local v
      if type(value) == "table" then v = pack("<Bi8", TABLE, node_of(value).id) else v = encode(value) end
      local before = stamps[key]
      -- What has never been shared need not be deleted.
      if v and not (value == nil and (before == nil or before < 0)) then
        parts[n + 1], parts[n + 2] = k, v
        n, count = n + 2, count + 1
        if value == nil then
          stamps[key] = -stamp
          deletions[deletion_count + 1], deletions[deletion_count + 2], deletions[deletion_count + 3] = node, key, stamp
          deletion_count = deletion_count + 3
        else
          stamps[key] = stamp
        end
      end
    end
  end
  if tables then
    -- In an order that all threads agree on: a table that stands at two places gets its id from the first.
    if #tables > 1 then sort(tables, function(a, b) return a[1] < b[1] end) end
    for i = 1, #tables do
      local k, key, value = tables[i][1], tables[i][2], tables[i][3]
      local child = node_of(value)
      if not child and may_share(value) then child = adopt(value, node, key, k, new) end
      if child then
        parts[n + 1], parts[n + 2] = k, pack("<Bi8", TABLE, child.id)
        n, count = n + 2, count + 1
        stamps[key] = stamp
      end
    end
  end
  if count > 0 or kind == CREATE then parts[head] = pack("<Bi8I4", kind, node.id, count) end
end

local function flush()
  if dirty_count == 0 then return end
  local stamp = tick()
  local parts = { pack("<Bi8", thread, stamp) }
  local new = {}
  for k = 1, dirty_count do
    local node = dirty_nodes[k]
    put_entries(parts, WRITE, node, node.dirty, stamp, new)
  end
  local i = 1
  while new[i] do
    put_entries(parts, CREATE, new[i], new[i].store, stamp, new)
    i = i + 1
  end
  for k = 1, dirty_count do
    dirty_nodes[k].dirty = nil
    dirty_nodes[k] = nil
  end
  dirty_count = 0
  if #parts > 1 then send(concat(parts)) end
end

-- Tells everything about the table `id` and those that it leads to.
local function tell(id)
  local first = nodes[id]
  if not first or first.partial then return end
  local list, seen = { first }, { [first] = true }
  local parts = { pack("<Bi8", thread, 0) }
  local i = 1
  while list[i] do
    local node = list[i]
    local head, count = #parts + 1, 0
    parts[head] = ""
    local n = head
    local complete_here = not node.partial
    for key, stamp in next, node.stamps do
      local value = node.store[key]
      local v
      if type(value) == "table" then
        local child = node_of(value)
        if child then
          v = pack("<Bi8", TABLE, child.id)
          if not seen[child] then
            seen[child] = true
            list[#list + 1] = child
          end
        end
      else
        v = encode(value)
      end
      if v and not (node.dirty and node.dirty[key]) and (value == nil) == (stamp < 0) then
        parts[n + 1], parts[n + 2], parts[n + 3] = encode_key(key), v, pack("<i8", stamp < 0 and -stamp or stamp)
        n, count = n + 3, count + 1
      end
    end
    -- One that is not complete here either is told by whoever has been asked for it.
    if complete_here then
      parts[head] = pack("<Bi8I4", SNAPSHOT, node.id, count)
    else
      for k = head, n do parts[k] = nil end
    end
    i = i + 1
  end
  send(concat(parts))
end

-- What the others tell ------------------------------------------------------------------------------------------------

local function put(node, key, value, stamp)
  local stamps = node.stamps
  local known = stamps[key]
  if known and (known < 0 and -known or known) >= stamp then return end
  -- What this thread is still to tell will be the later write.
  if node.dirty and node.dirty[key] then return end
  node.store[key] = value
  if value == nil then
    stamps[key] = -stamp
    deletions[deletion_count + 1], deletions[deletion_count + 2], deletions[deletion_count + 3] = node, key, stamp
    deletion_count = deletion_count + 3
  else
    stamps[key] = stamp
  end
end

-- `mentioned` keeps the nodes of a batch, and the tables that were not known, until all of it is applied.
local function decode(batch, at, mentioned)
  local tag = byte(batch, at)
  if tag == STRING then return unpack("<s4", batch, at + 1) end
  if tag == INTEGER then return unpack("<i8", batch, at + 1) end
  if tag == FLOAT then return unpack("<d", batch, at + 1) end
  if tag == TABLE then
    local id = unpack("<i8", batch, at + 1)
    local node = nodes[id]
    if not node then
      node = new_node(id, {}, {})
      node.partial = true
    end
    mentioned[node] = true
    return node.table, at + 9
  end
  if tag == TRUE then return true, at + 1 end
  if tag == FALSE then return false, at + 1 end
  return nil, at + 1
end

local function apply(batch)
  local from, stamp, at = unpack("<Bi8", batch)
  local mentioned = {}
  local size = #batch
  local asked
  while at <= size do
    local kind, id, count
    kind, id, count, at = unpack("<Bi8I4", batch, at)
    if kind == WANT then
      if count == thread then
        asked = asked or {}
        asked[#asked + 1] = id
      end
    elseif kind == BEAT then
      stamp = id
      complete[from], at = unpack("<i8", batch, at)
    else
      local node = nodes[id]
      if not node then
        node = new_node(id, {}, {})
        node.partial = true
        if kind == WRITE then orphans[node] = stamp end
      end
      if kind ~= WRITE then
        node.partial = nil
        orphans[node] = nil
      end
      mentioned[node] = mentioned[node] or false
      for _ = 1, count do
        local key, value, when
        key, at = decode(batch, at, mentioned)
        value, at = decode(batch, at, mentioned)
        if kind == SNAPSHOT then when, at = unpack("<i8", batch, at) else when = stamp end
        put(node, key, value, when)
      end
    end
  end
  if stamp > (heard[from] or 0) then heard[from] = stamp end
  local wants
  for node, is_value in next, mentioned do
    if is_value and node.partial then
      wants = wants or { pack("<Bi8", thread, 0) }
      wants[#wants + 1] = pack("<Bi8I4", WANT, node.id, from)
    end
  end
  if wants then send(concat(wants)) end
  if asked then
    for i = 1, #asked do tell(asked[i]) end
  end
end

-- Up to when this thread has the writes of all others.
local function have_all()
  local least
  for other = 0, threads - 1 do
    if other ~= thread then
      local time = heard[other] or 0
      if not least or time < least then least = time end
    end
  end
  return least or 0
end

-- About once a second: says how far this thread is, and forgets what no thread can ask for any more.
local function maintain()
  names, name_count = {}, 0
  local time, mine = now(), have_all()
  if time ~= told_now or mine ~= told_complete then
    told_now, told_complete = time, mine
    send(pack("<Bi8", thread, 0) .. pack("<Bi8I4i8", BEAT, time, 0, mine))
  end
  local safe = mine
  for other = 0, threads - 1 do
    if other ~= thread then
      local theirs = complete[other] or 0
      if theirs < safe then safe = theirs end
    end
  end
  for node, stamp in next, orphans do
    if stamp <= safe then orphans[node] = nil end
  end
  local kept = 0
  for i = 1, deletion_count, 3 do
    local node, key, stamp = deletions[i], deletions[i + 1], deletions[i + 2]
    if stamp > safe then
      deletions[kept + 1], deletions[kept + 2], deletions[kept + 3] = node, key, stamp
      kept = kept + 3
    elseif node.stamps[key] == -stamp then
      node.stamps[key] = nil
      if stamp > node.pruned then node.pruned = stamp end
    end
  end
  for i = kept + 1, deletion_count do deletions[i] = nil end
  deletion_count = kept
end

local root = new_node(ROOT, {}, {})
-- Asks another thread for everything, after something could not be applied.
local function ask(other)
  send(pack("<Bi8", thread, 0) .. pack("<Bi8I4", WANT, ROOT, other))
end

return root.table, flush, apply, maintain, tell, ask
