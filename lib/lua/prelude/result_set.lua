-- The injection object of read_query_result and its result sets. All of them look into a record: a string that holds the
-- response and its numbers, so what a script keeps stays valid and is collected like anything else.
local raw, objects = ...
-- Not the one for scripts: it leaves metatables their finalizers.
local setmetatable, error, type, tostring = raw.setmetatable, error, type, tostring
local rawget, rawset = rawget, rawset
local record_number, part_number, record_set, record_sets, record_packet =
  raw.record_number, raw.part_number, raw.record_set, raw.record_sets, raw.record_packet
local text_row, binary_row, field_value = raw.text_row, raw.binary_row, raw.field_value

-- A result set's own fields by number: the record, and which of its parts it is.
local RECORD, PART = 1, 2
local KIND_ROWS = 1

-- A field: number 1 is the record, number 2 the packet with its definition.
local field_meta = { __index = field_value, __metatable = false }

-- What is marked __host is walked over by ipairs() as by a loop from 1 on, not raw as in Lua 5.1.
local fields_meta = {
  __host = true,
  __len = function(fields) return fields.count end,
  __index = function(fields, index)
    if type(index) ~= "number" then
      error("resultset.fields is indexed by a number, got a " .. type(index), 2)
    end
    if index < 1 or index > fields.count or index % 1 ~= 0 then return nil end
    local field = setmetatable({ fields.record, fields.head + index }, field_meta)
    rawset(fields, index, field)
    return field
  end,
  __metatable = false,
}

local function not_kept(what)
  error(".resultset." .. what .. " isn't available if 'resultset_is_needed ~= true'", 3)
end

local getters = {}

-- record_set() tells where in the response the result set lies. The host remembers it for the last record, so it costs less to
-- ask again than to keep its answer in a table.
function getters.fields(set)
  local record = set[RECORD]
  local kind, head, columns = record_set(record, set[PART])
  if kind == nil then not_kept("fields") end
  local fields = setmetatable({ record = record, head = head, count = kind == KIND_ROWS and columns or 0 }, fields_meta)
  rawset(set, "fields", fields)
  return fields
end

function getters.rows(set)
  local record = set[RECORD]
  local kind, head, columns, index, last, binary = record_set(record, set[PART])
  if kind ~= KIND_ROWS then
    if kind == nil then not_kept("rows") end
    return nil
  end
  if binary then
    return function()
      if index < last then
        local row = { binary_row(record, index, columns, head) }
        index = index + 1
        return row
      end
      return nil
    end
  end
  return function()
    if index < last then
      local row = { text_row(record, index, columns) }
      index = index + 1
      return row
    end
    return nil
  end
end

function getters.raw(set)
  local record = set[RECORD]
  local kind, head = record_set(record, set[PART])
  if kind == nil then not_kept("raw") end
  return record_packet(record, head)
end

local SERVER_STATUS = 9

local function flags_of(status)
  status = status or 0
  return {
    in_trans = status % 2 == 1,
    auto_commit = status // 2 % 2 == 1,
    no_good_index_used = status // 16 % 2 == 1,
    no_index_used = status // 32 % 2 == 1,
  }
end

function getters.flags(set)
  return flags_of(record_number(set[RECORD], SERVER_STATUS))
end

local NUMBERS = {
  row_count = 3, bytes = 4, query_status = 5, affected_rows = 6, insert_id = 7, warning_count = 8, server_status = SERVER_STATUS,
}

-- One of several result sets has numbers of its own.
local part_meta = {
  __index = function(set, key)
    local number = NUMBERS[key]
    if number then return part_number(set[RECORD], number, set[PART]) end
    if key == "flags" then return flags_of(part_number(set[RECORD], SERVER_STATUS, set[PART])) end
    local getter = getters[key]
    if getter then return getter(set) end
  end,
  __metatable = false,
}

local set_meta = {
  __index = function(set, key)
    local number = NUMBERS[key]
    if number then return record_number(set[RECORD], number) end
    local getter = getters[key]
    if getter then return getter(set) end
  end,
  __metatable = false,
}

local sets_meta = {
  __host = true,
  __len = function(sets) return record_sets(sets.record) end,
  __index = function(sets, index)
    if type(index) ~= "number" then
      error("inj.resultsets is indexed by a number, got a " .. type(index), 2)
    end
    if index < 1 or index > record_sets(sets.record) or index % 1 ~= 0 then return nil end
    local set = setmetatable({ sets.record, index, token = rawget(sets, "token") }, part_meta)
    rawset(sets, index, set)
    return set
  end,
  __metatable = false,
}

local injection_meta = {
  __index = function(inj, key)
    if key == "resultset" then
      local set = setmetatable({ inj.record, 1, token = inj.token }, set_meta)
      inj.resultset = set
      return set
    elseif key == "query_time" then
      return record_number(inj.record, 1)
    elseif key == "response_time" then
      return record_number(inj.record, 2)
    elseif key == "type" then
      return inj.id
    elseif key == "resultsets" then
      local sets = setmetatable({ record = inj.record, token = inj.token }, sets_meta)
      inj.resultsets = sets
      return sets
    elseif key == "token" or key == "query" then
      return nil
    end
    raw.unknown_injection_field(tostring(key))
  end,
  __metatable = false,
}

-- A token stands for a response that is too large for a record; the host lets go of it when the token is collected.
local token_meta = { __gc = function(token) raw.release_packets(token[1]) end }

function objects.injection(record, number, id, query)
  local token
  if number then token = setmetatable({ number }, token_meta) end
  -- Room for `resultset` from the start: a table that grows costs more than all else here.
  return setmetatable({ record = record, token = token, id = id, query = query, resultset = nil }, injection_meta)
end
