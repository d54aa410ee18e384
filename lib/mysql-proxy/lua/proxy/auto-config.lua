--[[
  proxy.auto-config: clients read and change the options of scripts.

  Usage:
    proxy.global.config.my_script = proxy.global.config.my_script or { is_debug = false, limit = 10 }
    local auto_config = require("proxy.auto-config")
    function read_query(packet)
      local decision = proxy.global.config:handle(commands.parse(packet))   -- or auto_config.handle(cmd)
      if decision then return decision end
    end

  Statements that clients can send then:
    PROXY SHOW CONFIG
    PROXY SET GLOBAL my_script.limit = 20          -- -1, 1.5, "text", true
    PROXY SAVE CONFIG INTO "file"
    PROXY LOAD CONFIG FROM "file"

  Values keep their type. A file holds a Lua table; it gets at nothing else when it is loaded.
]]

module("proxy.auto-config", package.seeall)

local function ok(affected_rows)
  proxy.response = { type = proxy.MYSQLD_PACKET_OK, affected_rows = affected_rows }
  return proxy.PROXY_SEND_RESULT
end

local function err(message)
  proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = message }
  return proxy.PROXY_SEND_RESULT
end

local function sorted_keys(tbl)
  local keys = {}
  for key in pairs(tbl) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- Words -------------------------------------------------------------------------------------------------------------

local escapes = { n = "\n", r = "\r", t = "\t", ["0"] = "\0" }

-- Cuts a statement into { kind, value }; nil if it has something that no statement has.
local function words_of(query)
  local words, i = {}, query:find("%S")
  while i do
    local first = query:sub(i, i)
    local last
    if first == '"' or first == "'" then
      last = i + 1
      local pieces = {}
      while true do
        local char = query:sub(last, last)
        if char == "" then return nil end
        if char == first then break end
        if char == "\\" then
          last = last + 1
          char = query:sub(last, last)
          char = escapes[char] or char
        end
        pieces[#pieces + 1] = char
        last = last + 1
      end
      words[#words + 1] = { kind = "string", value = table.concat(pieces) }
    else
      local text = query:match("^[%a_][%w_]*", i)
      local number = not text and (query:match("^%-?%d+%.%d+", i) or query:match("^%-?%d+", i))
      if text then
        words[#words + 1] = { kind = "word", value = text }
        last = i + #text - 1
      elseif number then
        words[#words + 1] = { kind = "number", value = tonumber(number) }
        last = i + #number - 1
        if query:find("^[%w_]", last + 1) then return nil end
      elseif first == "." or first == "=" then
        words[#words + 1] = { kind = first }
        last = i
      else
        return nil
      end
    end
    i = query:find("%S", last + 1)
  end
  return words
end

-- Whether the words are what the pattern says: keywords in any case, <name>, <string> and <value>, and signs. Returns
-- what stood for the places in angle brackets.
local function matches(words, pattern)
  local found, i = {}, 0
  for expected in pattern:gmatch("%S+") do
    i = i + 1
    local word = words[i]
    if word == nil then return nil end
    if expected == "<name>" then
      if word.kind ~= "word" then return nil end
      found[#found + 1] = word.value
    elseif expected == "<string>" then
      if word.kind ~= "string" then return nil end
      found[#found + 1] = word.value
    elseif expected == "<value>" then
      local value = word.value
      if word.kind == "word" then
        local lower = value:lower()
        if lower ~= "true" and lower ~= "false" then return nil end
        value = lower == "true"
      elseif word.kind ~= "string" and word.kind ~= "number" then
        return nil
      end
      found[#found + 1] = { value = value }
    elseif not (word.kind == expected or (word.kind == "word" and word.value:upper() == expected)) then
      return nil
    end
  end
  return i == #words and found or nil
end

-- Files -------------------------------------------------------------------------------------------------------------

local function literal(value)
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) == "number" then return string.format("%.17g", value) end
  return tostring(value)
end

local saved_types = { string = true, number = true, boolean = true }

local function write_table(pieces, tbl, indent)
  for _, key in ipairs(sorted_keys(tbl)) do
    local value = tbl[key]
    if saved_types[type(key)] then
      if type(value) == "table" then
        pieces[#pieces + 1] = string.format("%s[%s] = {\n", indent, literal(key))
        write_table(pieces, value, indent .. "  ")
        pieces[#pieces + 1] = indent .. "},\n"
      elseif saved_types[type(value)] then
        pieces[#pieces + 1] = string.format("%s[%s] = %s,\n", indent, literal(key), literal(value))
      end
    end
  end
end

local function merge(into, from)
  for key, value in pairs(from) do
    if type(value) == "table" and type(into[key]) == "table" then
      merge(into[key], value)
    elseif type(value) == "table" or saved_types[type(value)] then
      into[key] = value
    end
  end
end

---
-- Writes all options to a file.
--
-- @param config the options; proxy.global.config
-- @param filename the file's name
-- @return what read_query() is to return; proxy.response is set
function save(config, filename)
  local pieces = { "return {\n" }
  write_table(pieces, config, "  ")
  pieces[#pieces + 1] = "}\n"
  local file, message = io.open(filename, "w")
  if file == nil then return err(message) end
  local written
  written, message = file:write(table.concat(pieces))
  file:close()
  if not written then return err(message) end
  return ok()
end

---
-- Takes over the options of a file that save() has written.
--
-- @param config the options; proxy.global.config
-- @param filename the file's name
-- @return what read_query() is to return; proxy.response is set
function load(config, filename)
  local chunk, message = loadfile(filename)
  if chunk == nil then return err(message) end
  local done, loaded = pcall(setfenv(chunk, {}))
  if not done then return err(tostring(loaded)) end
  if type(loaded) ~= "table" then return err(filename .. " returns no table") end
  merge(config, loaded)
  return ok()
end

-- Statements --------------------------------------------------------------------------------------------------------

local function show(config)
  local rows = {}
  for _, module_name in ipairs(sorted_keys(config)) do
    local options = config[module_name]
    if type(options) == "table" then
      for _, option in ipairs(sorted_keys(options)) do
        local value = options[option]
        rows[#rows + 1] = { tostring(module_name), tostring(option), tostring(value), type(value) }
      end
    end
  end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = {
      fields = {
        { name = "module", type = proxy.MYSQL_TYPE_STRING },
        { name = "option", type = proxy.MYSQL_TYPE_STRING },
        { name = "value", type = proxy.MYSQL_TYPE_STRING },
        { name = "type", type = proxy.MYSQL_TYPE_STRING },
      },
      rows = rows,
    },
  }
  return proxy.PROXY_SEND_RESULT
end

local function set(config, module_name, option, value)
  local options = config[module_name]
  if type(options) ~= "table" then return err("module not known") end
  local current = options[option]
  if current == nil then return err("option not know") end
  if type(current) ~= type(value) then
    return err(string.format("(auto-config) expected a %s, got %s", type(current), type(value)))
  end
  options[option] = value
  return ok(1)
end

---
-- Answers a statement about options.
--
-- @param config the options; proxy.global.config if left out
-- @param cmd what proxy.commands.parse() returned
-- @return what read_query() is to return; nil if the statement is about something else
function handle(config, cmd)
  if cmd == nil then config, cmd = proxy.global.config, config end
  if cmd.type ~= proxy.COM_QUERY or not cmd.query:find("^%s*[Pp][Rr][Oo][Xx][Yy]%s") then return nil end
  local words = words_of(cmd.query)
  if words == nil then return nil end
  if matches(words, "PROXY SHOW CONFIG") then return show(config) end
  local found = matches(words, "PROXY SET GLOBAL <name> . <name> = <value>")
  if found then return set(config, found[1], found[2], found[3].value) end
  found = matches(words, "PROXY SAVE CONFIG INTO <string>")
  if found then return save(config, found[1]) end
  found = matches(words, "PROXY LOAD CONFIG FROM <string>")
  if found then return load(config, found[1]) end
  return nil
end

-- Methods of proxy.global.config: they are no options, so pairs() does not see them.
setmetatable(proxy.global.config, { __index = { handle = handle, load = load, save = save } })
