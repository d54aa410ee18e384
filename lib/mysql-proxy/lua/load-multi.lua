--[[
  load-multi: loads and unloads scripts while the proxy runs. Several can be loaded at the same time.

  Start it with:
    mysql-proxy --proxy-lua-script=load-multi

  Statements that clients can send then, in any case:
    pload NAME                 loads NAME.lua, from the folder in which the proxy has been started
    punload NAME               forgets it
    pload_help                 this list

  The words can be changed in the environment: PLOAD, PUNLOAD, PLOAD_HELP. DEBUG=1 prints what happens.

  Any client can load any script that the proxy can read: not for production.

  For each hook, the scripts are called in the order in which they have been loaded, until one returns a value.
  read_query_result() of a query goes to the script that has answered read_query(). A script sees its own globals, and:
    proxy.global.simple_dataset(header, message)           one column, one row; for PROXY_SEND_RESULT
    proxy.global.make_dataset(headers, rows)               the same for a table
    proxy.global.make_regexp_from_command(cmd, captures)   a pattern for a command in any case; captures lists the words
                                                           to capture: ("show me", {2})
    proxy.global.print_debug(text)                         prints if DEBUG is set
]]

local DEBUG = tonumber(os.getenv("DEBUG") or 0) or 0

local hook_names = {
  "connect_server", "read_handshake", "read_auth", "read_auth_result", "read_query", "read_query_result",
  "disconnect_client",
}

local function print_debug(text)
  if DEBUG > 0 then print(text) end
end

local function make_dataset(headers, rows)
  local fields = {}
  for i, header in ipairs(headers) do fields[i] = { name = header, type = proxy.MYSQL_TYPE_STRING } end
  proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = { fields = fields, rows = rows } }
  return proxy.PROXY_SEND_RESULT
end

local function simple_dataset(header, message)
  return make_dataset({ header }, { { message } })
end

local function make_regexp_from_command(cmd, captures)
  local captured = {}
  for _, index in ipairs(captures or {}) do captured[index] = true end
  local words = {}
  for word in cmd:gmatch("%S+") do
    local pattern = word:gsub("%%?.", function(piece)
      if piece:find("^%a$") then return "[" .. piece:lower() .. piece:upper() .. "]" end
      return piece
    end)
    words[#words + 1] = captured[#words + 1] and "(" .. pattern .. ")" or pattern
  end
  return "^%s*" .. table.concat(words, "%s+")
end

local helpers = {
  simple_dataset = simple_dataset,
  make_dataset = make_dataset,
  make_regexp_from_command = make_regexp_from_command,
  print_debug = print_debug,
}
for name, helper in pairs(helpers) do
  if proxy.global[name] == nil then proxy.global[name] = helper end
end

-- What is loaded, for all event threads: a list of { name =, source = }, replaced as a whole, and how often that happened.
if not proxy.global.load_multi then proxy.global.load_multi = { version = 0, scripts = {} } end

-- What this thread has made of it, for all of its connections. A module's table outlives the connection.
local loaded = package.loaded["load-multi.scripts"]
if not loaded then
  loaded = { version = 0, list = {} }
  package.loaded["load-multi.scripts"] = loaded
end

-- The hooks of a script: { name =, source =, hooks = }, or nil and why there are none.
local function run(name, source)
  local chunk, message = loadstring(source, "@" .. name .. ".lua")
  if not chunk then return nil, message end
  local env = setmetatable({}, { __index = _G })
  setfenv(chunk, env)
  local done, reason = pcall(chunk)
  if not done then return nil, reason end
  local hooks = {}
  for _, hook_name in ipairs(hook_names) do
    local hook = rawget(env, hook_name)
    if type(hook) == "function" then hooks[hook_name] = hook end
  end
  return { name = name, source = source, hooks = hooks }
end

-- Takes in what other threads have loaded and unloaded.
local function refresh()
  local shared = proxy.global.load_multi
  if shared.version == loaded.version then return end
  local list = {}
  for i = 1, #shared.scripts do
    local wanted = shared.scripts[i]
    local script
    for _, old in ipairs(loaded.list) do
      if old.name == wanted.name and old.source == wanted.source then script = old end
    end
    if not script then
      local reason
      script, reason = run(wanted.name, wanted.source)
      if not script then print(string.format("load of %q failed (%s)", wanted.name, tostring(reason))) end
    end
    list[#list + 1] = script
  end
  loaded.list, loaded.version = list, shared.version
end

local function publish(list)
  local scripts = {}
  for i, script in ipairs(list) do scripts[i] = { name = script.name, source = script.source } end
  local version = proxy.global.load_multi.version + 1
  proxy.global.load_multi = { version = version, scripts = scripts }
  loaded.list, loaded.version = list, version
end

local function without(name)
  local list, found = {}, false
  for _, script in ipairs(loaded.list) do
    if script.name == name then found = true else list[#list + 1] = script end
  end
  return list, found
end

local function load_script(name)
  local script
  local file, reason = io.open(name .. ".lua", "rb")
  if file then
    local source = file:read("*a")
    file:close()
    script, reason = run(name, source)
  end
  if not script then
    return simple_dataset("ERROR", string.format("load of %q failed (%s)", name, tostring(reason)))
  end
  local list = without(name)
  list[#list + 1] = script
  publish(list)
  print_debug("loaded " .. name)
  return simple_dataset("info", string.format("module %q loaded", name))
end

local function unload_script(name)
  local list, found = without(name)
  if not found then return simple_dataset(name, "NOT FOUND") end
  publish(list)
  print_debug("unloaded " .. name)
  return simple_dataset(name, "unloaded")
end

local load_word = os.getenv("PLOAD") or "pload"
local unload_word = os.getenv("PUNLOAD") or "punload"
local help_word = os.getenv("PLOAD_HELP") or "pload_help"

local function help()
  return make_dataset({ "command", "description" }, {
    { load_word .. " module_name", "loads a module" },
    { unload_word .. " module_name", "unloads a module" },
    { help_word, "shows this help" },
  })
end

local commands = {
  { make_regexp_from_command(help_word), help },
  { make_regexp_from_command(load_word .. " %S+", { 2 }), load_script },
  { make_regexp_from_command(unload_word .. " %S+", { 2 }), unload_script },
}

local function own_command(packet)
  if packet:byte() ~= proxy.COM_QUERY then return nil end
  local query = packet:sub(2)
  for _, command in ipairs(commands) do
    local argument = query:match(command[1])
    if argument then return command[2](argument) end
  end
  return nil
end

local function call(hook_name, ...)
  refresh()
  -- A script that is unloaded by another hook meanwhile is still in this list.
  for _, script in ipairs(loaded.list) do
    local hook = script.hooks[hook_name]
    if hook then
      local decision = hook(...)
      if decision ~= nil then return decision, script end
    end
  end
  return nil
end

-- The script whose queries are under way.
local answering

function connect_server() return (call("connect_server")) end
function read_handshake() return (call("read_handshake")) end
function read_auth() return (call("read_auth")) end
function read_auth_result(auth) return (call("read_auth_result", auth)) end
function disconnect_client() return (call("disconnect_client")) end

function read_query(packet)
  refresh()
  answering = nil
  local decision = own_command(packet)
  if decision then return decision end
  decision, answering = call("read_query", packet)
  return decision
end

function read_query_result(inj)
  local hook = answering and answering.hooks.read_query_result
  if hook then return hook(inj) end
end
