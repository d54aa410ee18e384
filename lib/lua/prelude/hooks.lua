-- Runs hooks: makes the connection's view of `proxy` the current one, finds the hook in the connection's environment (which
-- falls through to the globals, so that hooks of required modules act) and calls it.
local raw, objects = ...
local next, setmetatable, _G = raw.next, setmetatable, _G
local getupvalue = debug.getupvalue

-- The metatable of the global `proxy`: its fields are those of the connection whose hook runs.
local scope = {}
setmetatable(proxy, scope)

local current

local function enter(connection)
  if connection ~= current then
    current = connection
    local view = connection.view
    scope.__index = view
    scope.__newindex = view
  end
end

local environment = { __index = _G }

local hooks = { enter = enter }

-- The environment that a main chunk has now: setfenv() may have given it another.
local function environment_of(main)
  for i = 1, 255 do
    local name, value = getupvalue(main, i)
    if name == nil then return nil end
    if name == "_ENV" then return value end
  end
end

-- A new client: an environment of its own, and the script's main chunk in it. Returns the environment if it is another now.
function hooks.start(id, factory)
  local blank = {}
  local connection = {
    env = setmetatable({}, environment),
    blank = blank,
    queue = objects.queue(id),
    socket = objects.connection(id),
  }
  connection.view = { queries = connection.queue, connection = connection.socket, response = blank }
  enter(connection)
  raw.starting(connection, connection.env)
  local main = factory(connection.env)
  main()
  local env = environment_of(main)
  if env ~= nil and env ~= connection.env then
    connection.env = env
    return env
  end
end

-- The locals are named like the hooks, for tracebacks.
function hooks.connect_server(connection)
  enter(connection)
  local connect_server = connection.env.connect_server
  if connect_server then
    local verdict = connect_server()
    return verdict
  end
end

function hooks.read_handshake(connection)
  enter(connection)
  local read_handshake = connection.env.read_handshake
  if read_handshake then
    local verdict = read_handshake()
    return verdict
  end
end

function hooks.read_auth(connection)
  enter(connection)
  local read_auth = connection.env.read_auth
  if read_auth then
    local verdict = read_auth()
    return verdict
  end
end

function hooks.disconnect_client(connection)
  enter(connection)
  local disconnect_client = connection.env.disconnect_client
  if disconnect_client then
    local verdict = disconnect_client()
    return verdict
  end
end

function hooks.read_auth_result(connection, packet)
  enter(connection)
  local read_auth_result = connection.env.read_auth_result
  if read_auth_result then
    local verdict = read_auth_result({ packet = packet })
    return verdict
  end
end

-- No tail call: this frame keeps the packet alive, which lets its address tell whether a queued packet is the same one.
function hooks.read_query(connection, packet)
  enter(connection)
  local view = connection.view
  local blank = connection.blank
  if view.response ~= blank or next(blank) ~= nil then
    blank = {}
    connection.blank = blank
    view.response = blank
  end
  local read_query = connection.env.read_query
  if read_query then
    local verdict = read_query(packet)
    return verdict
  end
end

local injection = objects.injection

function hooks.read_query_result(connection, record, token, id, slot)
  enter(connection)
  local queue = connection.queue
  local query = queue[slot]
  if query ~= nil then queue[slot] = nil end
  local read_query_result = connection.env.read_query_result
  if read_query_result then
    local verdict = read_query_result(injection(record, token, id, query))
    return verdict
  end
end

-- The client is gone. Objects that a script has kept go on to show what they last did.
function hooks.close(connection)
  objects.freeze(connection.socket)
  if current == connection then
    current = nil
    scope.__index = nil
    scope.__newindex = nil
  end
end

-- `proxy.response` as the connection has it now.
function hooks.respond(connection)
  enter(connection)
  return raw.encode_response(connection.view.response)
end

return hooks
