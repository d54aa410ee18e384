-- Chunks and modules: what is loaded is translated first, and runs in the globals.
local dialect = ...

local error, type, pcall, tostring = error, type, pcall, tostring
local byte, find, gsub, concat = string.byte, string.find, string.gsub, table.concat
local getupvalue, setupvalue = debug.getupvalue, debug.setupvalue
local io, package = io, package
local native_load, translate = load, dialect.translate
local bad_argument, expect = dialect.bad_argument, dialect.expect

-- In a dumped function _ENV may be any upvalue, or none. Without debug information that is not known: Lua takes the first.
local function set_loaded_environment(f, environment)
  local i = 1
  while true do
    local name = getupvalue(f, i)
    if name == nil or name == "(no name)" then return f end
    setupvalue(f, i, name == "_ENV" and environment or nil)
    i = i + 1
  end
end

local function load_source(source, chunk_name, environment)
  environment = environment or dialect.globals
  if byte(source) == 27 then
    local f, message = native_load(source, chunk_name, "b", environment)
    return f and set_loaded_environment(f, environment), message
  end
  local f, message = native_load(translate(source), chunk_name, "t", environment)
  if f then return f end
  return nil, (gsub(message, "near <eof>$", "near '<eof>'"))
end

local function read_pieces(read)
  local pieces = {}
  while true do
    local piece = read()
    if piece == nil or piece == "" then return concat(pieces) end
    if type(piece) ~= "string" then error("reader function must return a string", 0) end
    pieces[#pieces + 1] = piece
  end
end

-- Besides Lua 5.1's functions it takes strings, and an environment, as Lua 5.2 and later do.
function load(chunk, chunk_name, _, environment)
  if type(chunk) == "string" then return load_source(chunk, chunk_name or chunk, environment) end
  expect(chunk, 1, "load", "function")
  local was_read, source = pcall(read_pieces, chunk)
  if not was_read then return nil, source end
  return load_source(source, chunk_name or "=(load)", environment)
end

function loadstring(source, chunk_name)
  if type(source) == "number" then source = tostring(source) end
  expect(source, 1, "loadstring", "string")
  return load_source(source, chunk_name or source)
end

local function load_file(path, environment)
  local file, message = io.stdin, nil
  if path ~= nil then
    file, message = io.open(path, "rb")
    if file == nil then return nil, "cannot open " .. message end
  end
  local source
  source, message = file:read("*a")
  if path ~= nil then file:close() end
  if source == nil then return nil, "cannot read " .. path .. ": " .. tostring(message) end
  return load_source(source, path == nil and "=stdin" or "@" .. path, environment)
end

function loadfile(path, _, environment)
  return load_file(path, environment)
end

local function pass(...)
  return ...
end

-- Not `return f()`, in which f would take the place of dofile() in tracebacks.
function dofile(path)
  local f, message = load_file(path)
  if f == nil then error(message, 0) end
  return pass(f())
end

-- Modules -------------------------------------------------------------------------------------------------------------

local loaded, search_path = package.loaded, package.searchpath
local loaders = package.searchers
package.loaders = loaders

loaders[1] = function(name)
  local preload = package.preload
  if type(preload) ~= "table" then error("'package.preload' must be a table", 0) end
  local open = preload[name]
  if open == nil then return "\n\tno field package.preload['" .. name .. "']" end
  return open
end

loaders[2] = function(name)
  local path = package.path
  if type(path) ~= "string" then error("'package.path' must be a string", 0) end
  local file, tried = search_path(name, path)
  if file == nil then return tried end
  local f, message = load_file(file)
  if f == nil then
    error("error loading module '" .. name .. "' from file '" .. file .. "':\n\t" .. message, 0)
  end
  return f
end

local being_loaded = newproxy()

-- Calls the loader, and the module's chunk, with the name only, which a chunk passes on as module(...).
function require(name)
  if type(name) == "number" then name = tostring(name) end
  expect(name, 1, "require", "string")
  local module = loaded[name]
  if module == being_loaded then error("loop or previous error loading module '" .. name .. "'", 2) end
  if module then return module end
  local list = package.loaders
  if type(list) ~= "table" then error("'package.loaders' must be a table", 2) end
  local tried, i, found = {}, 0, nil
  repeat
    i = i + 1
    local loader = list[i]
    if loader == nil then error("module '" .. name .. "' not found:" .. concat(tried), 2) end
    found = loader(name)
    if type(found) == "string" and found ~= "" then tried[#tried + 1] = find(found, "^\n") and found or "\n\t" .. found end
  until type(found) == "function"
  loaded[name] = being_loaded
  local result = found(name)
  if result ~= nil then
    loaded[name] = result
  elseif loaded[name] == being_loaded then
    loaded[name] = true
  end
  return loaded[name]
end
