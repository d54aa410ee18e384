--[[
  tutorial-global: what clients share. Local variables and globals of a script belong to one client; proxy.global is the same
  for all clients, in all event threads. Here it holds notes that one client leaves for the others.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-global --event-threads=4

  Try, through the proxy:
    NOTE greeting = hello        -- NOTE greeting = with nothing behind it takes the note away
    SHOW NOTES                   -- name, text, user, and how many notes this client has written
]]

-- Each client runs the script once. The first one makes the table.
if not proxy.global.notes then proxy.global.notes = {} end

local written = 0

local function show_notes()
  local names = {}
  for name in pairs(proxy.global.notes) do names[#names + 1] = name end
  table.sort(names)
  local rows = {}
  for i, name in ipairs(names) do
    local note = proxy.global.notes[name]
    rows[i] = { name, note.text, note.user, written }
  end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = {
      fields = {
        { name = "name", type = proxy.MYSQL_TYPE_STRING },
        { name = "text", type = proxy.MYSQL_TYPE_STRING },
        { name = "user", type = proxy.MYSQL_TYPE_STRING },
        { name = "written", type = proxy.MYSQL_TYPE_LONG },
      },
      rows = rows,
    },
  }
  return proxy.PROXY_SEND_RESULT
end

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local query = packet:sub(2)
  if query:upper() == "SHOW NOTES" then return show_notes() end
  local name, text = query:match("^[Nn][Oo][Tt][Ee]%s+(%w+)%s*=%s*(.-)%s*$")
  if not name then return end

  -- Plain data of any depth: numbers, strings, booleans, and tables of these.
  proxy.global.notes[name] = text ~= "" and { text = text, user = proxy.connection.client.username } or nil
  written = written + 1
  proxy.response = { type = proxy.MYSQLD_PACKET_OK, affected_rows = 1 }
  return proxy.PROXY_SEND_RESULT
end
