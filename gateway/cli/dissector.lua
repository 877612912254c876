-- The part of the dissector that is the same for all dialects: framing, reading by the tables, what is shown.
-- TABLES stands above it; protocols/lua.py makes them, and protocols/codec.py says what each type of field means.
--
-- `etclane` reads captures (link type USER0), whose interfaces name their dialect. `etclane.<dialect>` reads a live
-- capture of an antenna's TCP port (Decode As). Wireshark 4.0 or newer.

local LIMIT = 1024 -- bytes of a frame at most, as in protocols/rsu/framing.py
local PATIENCE = 2 -- seconds that an unfinished frame is waited for
local BARRIER = "inputs of a barrier" -- what the recorder says of a barrier's interface
local OUTBOUND, INBOUND = "PC->RSU", "RSU->PC"

-- --- what can be filtered by -----------------------------------------------------------------------------------

local etclane = Proto("etclane", "ETC antenna (etclane)")

local KINDS = {
    string = function(name, label, note) return ProtoField.string(name, label, base.NONE, note) end,
    bytes = function(name, label, note) return ProtoField.bytes(name, label, base.NONE, note) end,
}
local function numbers(kinds, shown)
    for _, kind in ipairs(kinds) do
        KINDS[kind] = function(name, label, note) return ProtoField[kind](name, label, shown, nil, nil, note) end
    end
end
numbers({ "uint8", "uint16", "uint24", "uint32" }, base.DEC_HEX)
numbers({ "int8", "int16", "int24", "int32", "int64", "uint64" }, base.DEC)
KINDS.code8 = function(name, label, note) return ProtoField.uint8(name, label, base.HEX, nil, nil, note) end
KINDS.code16 = function(name, label, note) return ProtoField.uint16(name, label, base.HEX, nil, nil, note) end
KINDS.fen = function(name, label, note) return ProtoField.uint32(name, label, base.DEC, nil, nil, note) end

local FIELDS, registered = {}, {}
local function register(name, kind, label, note)
    FIELDS[name] = KINDS[kind](name, label, note)
    registered[#registered + 1] = FIELDS[name]
end
register("etclane.command", "code8", "Command", "命令字 / command byte")
register("etclane.direction", "string", "Direction", "方向 / who speaks")
register("etclane.sequence", "code8", "Sequence", "RSCTL / SEQ")
register("etclane.checksum", "code16", "Checksum", "校验 / BCC, CRC-16/X-25 or FCS")
register("etclane.input", "string", "Barrier input", "道闸输入 / an input of a barrier")
register("etclane.plate", "string", "Plate", "车牌 / plate of tag or card")
register("etclane.amount", "fen", "Amount", "扣费金额（分）/ what is debited, fen")
register("etclane.balance", "fen", "Balance", "余额（分）/ balance, fen")
register("etclane.tac", "string", "TAC", "交易认证码 / transaction authentication code")
register("etclane.obu_id", "string", "OBU", "电子标签 MAC / MAC address of the OBU")
register("etclane.card", "string", "Card", "卡号 / net and card id, 20 digits")
register("etclane.apdu", "string", "Card command", "卡指令 / card command")
register("etclane.apdu.sw", "code16", "Status word", "状态字 / SW1 SW2")
for _, each in ipairs(TABLES.fields) do
    register(each.name, each.kind, each.label, each.note)
end
etclane.fields = registered

local function warning(name, text, group, severity)
    return ProtoExpert.new("etclane." .. name, text, group, severity or expert.severity.WARN)
end
local bad_checksum = warning("checksum.bad", "Bad checksum / 校验错误", expert.group.CHECKSUM)
local noise = warning("noise", "No frame / 不是帧", expert.group.UNDECODED)
local misfit = warning("misfit", "No table fits / 报文与协议表不符", expert.group.UNDECODED)
local unknown = warning(
    "unknown", "Which dialect? Set the preference etclane.dialect / 未知协议，请设置 etclane.dialect",
    expert.group.UNDECODED)
local unfinished = warning(
    "unfinished", "Goes on in a later packet / 后续包中继续", expert.group.REASSEMBLE, expert.severity.CHAT)
etclane.experts = { bad_checksum, noise, misfit, unknown, unfinished }

local AIR = TABLES.air
local spoken = { AIR }
for _, dialect in ipairs(TABLES.dialects) do
    spoken[#spoken + 1] = dialect
end
local by_name, choices = {}, { { 1, "auto", 0 } }
for number, dialect in ipairs(spoken) do
    dialect.proto = Proto("etclane." .. dialect.name, "ETC antenna " .. dialect.name)
    by_name[dialect.name] = dialect
    choices[#choices + 1] = { number + 1, dialect.name, number }
end
etclane.prefs.dialect = Pref.enum(
    "Dialect / 天线协议", 0, "auto: as the capture's interface is described / 按抓包接口的说明", choices, false)

-- --- frames ----------------------------------------------------------------------------------------------------
-- `bytes` is a string; places count from 0, and `stop` is the place behind. A piece of the stream is a frame, noise
-- with its reason, or the beginning of a frame that is still open.

local function number(bytes, at, size)
    local value = 0
    for place = at + 1, at + size do
        value = value * 256 + bytes:byte(place)
    end
    return value
end

local function bcc(bytes)
    local value = 0
    for place = 1, #bytes do
        value = bit.bxor(value, bytes:byte(place))
    end
    return value
end

local function crc_x25(bytes, at, stop, preset)
    local crc = preset or 0xFFFF
    for place = at + 1, stop do
        crc = bit.bxor(crc, bytes:byte(place))
        for _ = 1, 8 do
            local low = bit.band(crc, 1)
            crc = bit.rshift(crc, 1)
            if low == 1 then crc = bit.bxor(crc, 0x8408) end
        end
    end
    return bit.bxor(crc, 0xFFFF)
end

local function unescaped(body)
    local sound = true
    local plain = body:gsub("\254(.?)", function(follower)
        if follower == "\0" then return "\254" end
        if follower == "\1" then return "\255" end
        sound = false
        return nil
    end)
    return sound and plain or nil
end

local function f1_piece(bytes, at, body, stop)
    local plain = unescaped(bytes:sub(body + 1, stop - 1))
    if not plain then return { noise = "FE must be followed by 00 or 01", at = at, stop = stop } end
    if #plain < 2 then return { noise = "shorter than RSCTL and BCC", at = at, stop = stop } end
    local stated, right = plain:byte(-1), bcc(plain:sub(1, -2))
    if stated ~= right and at == body then return { noise = "no start mark FF", at = at, stop = stop } end
    local as_it_stands = #plain == stop - 1 - body
    return {
        at = at, stop = stop, stated = stated, right = right, checksum_size = 1,
        sequence = plain:byte(1), sequence_at = body,
        data = plain:sub(2, -2), data_at = as_it_stands and body + 1 or nil,
    }
end

local function cut_by_marks(bytes)
    local pieces, at = {}, 0
    while at < #bytes do
        local first = bytes:find("[^\255]", at + 1)
        local mark = first and bytes:find("\255", first, true)
        if mark then
            pieces[#pieces + 1] = f1_piece(bytes, at, first - 1, mark)
        elseif #bytes - at > 2 * LIMIT then
            pieces[#pieces + 1] = { noise = "no end mark", at = at, stop = #bytes }
        else
            pieces[#pieces + 1] = { open = true, at = at, stop = #bytes }
        end
        at = pieces[#pieces].stop
    end
    return pieces
end

-- Where a frame starts from `at` on or, at the end, still may.
local function find_start(bytes, at, start)
    local found = bytes:find(start, at + 1, true)
    if found then return found - 1 end
    for size = math.min(#start - 1, #bytes - at), 1, -1 do
        if bytes:sub(-size) == start:sub(1, size) then return #bytes - size end
    end
    return #bytes
end

local function length_piece(form, bytes, at)
    local length = number(bytes, at + form.length_at, form.length_size)
    local stop = at + form.header + length + 2
    if stop - at > LIMIT then
        return { noise = "LEN " .. length .. " is too long", at = at, stop = find_start(bytes, at + 1, form.start) }
    end
    if stop > #bytes then return { open = true, at = at, stop = #bytes } end
    local stated, right = number(bytes, stop - 2, 2), crc_x25(bytes, at + 2, stop - 2)
    local piece = {
        at = at, stop = stop, stated = stated, right = right, checksum_size = 2,
        sequence = form.sequence_at and bytes:byte(at + form.sequence_at + 1),
        sequence_at = form.sequence_at and at + form.sequence_at,
        data = bytes:sub(at + form.header + 1, stop - 2), data_at = at + form.header,
    }
    if stated ~= right and stop < #bytes and bytes:sub(stop + 1, stop + #form.start) ~= form.start then
        -- Here LEN is as doubtful as the rest: it does not lead to another frame.
        return { noise = "checksum and LEN are wrong", at = at, stop = find_start(bytes, at + 1, form.start) }
    end
    return piece
end

local function cut_by_length(form)
    return function(bytes)
        local pieces, at = {}, 0
        while at < #bytes do
            local start = find_start(bytes, at, form.start)
            if start > at then
                pieces[#pieces + 1] = { noise = "no start mark", at = at, stop = start }
            elseif #bytes - at < form.header then
                pieces[#pieces + 1] = { open = true, at = at, stop = #bytes }
            else
                pieces[#pieces + 1] = length_piece(form, bytes, at)
            end
            at = pieces[#pieces].stop
        end
        return pieces
    end
end

local CUT = {
    F1 = cut_by_marks,
    F2 = cut_by_length({ start = "\255\255\0", header = 8, sequence_at = 3, length_at = 4, length_size = 4 }),
    F3 = cut_by_length({ start = "\255\255", header = 4, length_at = 2, length_size = 2 }),
}

-- --- fields ----------------------------------------------------------------------------------------------------
-- A reader takes the field, the bytes of the whole record, where it begins there, the numbers before it, where to
-- show it (nil: nowhere), and what tells whether the rest would fit from a place on. It gives the place behind the
-- field, or nil and why there is none.

local READ, SHOW_APDU = {}, {}
local read_fields

-- Wireshark 4.0 decodes GB18030 into no more room than the bytes had, and what ends up beyond it is lost: two bytes
-- become three. Where the padding does not make up for it, more is added.
local function gbk(range)
    local padded = range:raw()
    local text = padded:gsub("\0+$", "")
    local ascii, pairs_of_bytes = text:gsub("[\129-\254][\64-\254]", "")
    local _, lone = ascii:gsub("[\128-\255]", "")
    local room = pairs_of_bytes + 2 * lone
    if #padded - #text < room then
        range = ByteArray.new(text .. ("\0"):rep(room), true):tvb("GBK"):range()
    end
    return #text > 0 and range:string(ENC_GB18030):gsub("\0+$", "") or ""
end

local function text_of(field, range)
    if field.type == "hex" then return range:bytes():tohex(true) end
    return (gbk(range))
end

local function show(field, data, at, tree)
    local range = data(at, field.size)
    local textual = field.type == "hex" or field.type == "gbk"
    if textual then
        tree:add(FIELDS[field.name], range, text_of(field, range))
    else
        local item = tree:add(FIELDS[field.name], range)
        for _, each in ipairs(field.meanings or {}) do
            if range:uint() == each.code then item:append_text(" " .. each.text) end
        end
    end
    if not field.alias then return end
    if field.span then
        if at + field.span > data:len() then return end
        tree:add(FIELDS[field.alias], data(at, field.span), data(at, field.span):bytes():tohex(true)):set_hidden()
    elseif textual then
        tree:add(FIELDS[field.alias], range, text_of(field, range)):set_hidden()
    else
        tree:add(FIELDS[field.alias], range):set_hidden()
    end
end

local function short(data, at, size)
    return nil, size .. " bytes expected, " .. data:len() - at .. " are left"
end

local function one_of(value, values)
    for _, each in ipairs(values) do
        if value == each then return true end
    end
    return false
end

function READ.number(field, data, at, before, tree)
    if at + field.size > data:len() then return short(data, at, field.size) end
    if field.size <= 4 then before[field.key] = data(at, field.size):uint() end
    if field.values and not one_of(before[field.key], field.values) then
        return nil, string.format("%02x does not stand here", before[field.key])
    end
    if tree then show(field, data, at, tree) end
    return at + field.size
end

function READ.bytes(field, data, at, _, tree)
    if at + field.size > data:len() then return short(data, at, field.size) end
    if tree then show(field, data, at, tree) end
    return at + field.size
end
READ.hex, READ.gbk = READ.bytes, READ.bytes

-- A 0019 under both of its layouts: which one a card has, its bytes do not tell.
function READ.station(field, data, at, _, tree)
    if at + field.size > data:len() then return short(data, at, field.size) end
    if not tree then return at + field.size end
    local range = data(at, field.size)
    local item = tree:add(FIELDS[field.name], range)
    local written = range:raw():find("[^\0]") and (field.left_out > 0 or range(0, 1):uint() == 0xAA)
    for _, layout in ipairs(written and TABLES.stations or {}) do
        local fields, place = {}, 0
        for _, each in ipairs(layout.fields) do
            if place >= field.left_out then fields[#fields + 1] = each end
            place = place + each.size
        end
        read_fields(fields, 1, range:tvb(), 0, {}, item:add(etclane, range, "0019 " .. layout.label))
    end
    return at + field.size
end

local function up_to(field, data, at, stop, before, tree)
    if tree and stop > at then
        local item = tree:add(FIELDS[field.name], data(at, stop - at))
        if field.apdu then SHOW_APDU[field.apdu](data(at, stop - at), item, before.above) end
    end
    return stop
end

function READ.rest(field, data, at, before, tree)
    local tail = field.tail
    for _, each in ipairs(field.announced or {}) do
        if bit.band(before[each.field], each.mask) ~= 0 then tail = tail + each.size end
    end
    if data:len() - tail < at then return short(data, at, tail) end
    return up_to(field, data, at, data:len() - tail, before, tree)
end

function READ.sized(field, data, at, before, tree)
    local length = before[field.length] or 0
    local stop = at + length
    if stop > data:len() then return short(data, at, length) end
    return up_to(field, data, at, stop, before, tree)
end

function READ.fitting(field, data, at, before, tree, fits)
    local left, sizes = data:len() - at, {}
    for _, size in ipairs(field.likely) do sizes[#sizes + 1] = size end
    for size = 0, left do sizes[#sizes + 1] = size end
    for _, size in ipairs(sizes) do
        if size <= left and fits(at + size) then return up_to(field, data, at, at + size, before, tree) end
    end
    return nil, "no length makes what follows add up"
end

function READ.when(field, data, at, before, tree, fits)
    local bits = bit.band(before[field.field] or 0, field.mask)
    if bits == 0 or field.all and bits ~= field.mask then return at end
    return READ[field.inner.type](field.inner, data, at, before, tree, fits)
end

-- `above` are the numbers of the record that this one stands in.
local function inside(fields, title, data, at, tree, above)
    local item = tree and at < data:len() and tree:add(etclane, data(at), title) or nil
    local stop, why = read_fields(fields, 1, data, at, { above = above }, item)
    if item and stop then item:set_len(stop - at) end
    return stop, why
end

function READ.record(field, data, at, _, tree)
    return inside(field.fields, field.key, data, at, tree)
end

function READ.choice(field, data, at, _, tree)
    if at + field.size > data:len() then return short(data, at, field.size) end
    local own = data(at, field.size):tvb()
    local deciding, chosen = own(field.at, 1):uint(), nil
    for _, layout in ipairs(field.layouts) do
        if deciding >= layout.least then chosen = layout end
    end
    local stop, why = inside(chosen.fields, field.key .. ": " .. chosen.label, own, 0, tree)
    return stop and at + field.size, why
end

local function counts(field, left, before)
    local size = field.size or 1
    local filling = field.tail and math.floor((left - field.tail) / size)
    local stated = field.stated and before[field.stated]
    if stated and filling then
        if stated == 0 then return { filling, stated } end
        return { stated, filling }
    end
    if filling and (left - field.tail) % size ~= 0 then return {} end
    return { stated or filling }
end

function READ.entries(field, data, at, before, tree, fits)
    local possible = counts(field, data:len() - at, before)
    local count = possible[1]
    if #possible > 1 then
        count = nil
        for _, each in ipairs(possible) do
            local stop = at + each * (field.size or 1)
            if not count and each >= 0 and stop <= data:len() and fits(stop) then count = each end
        end
    end
    if not count or count < 0 then return nil, field.key .. " is no whole number of entries" end
    local why
    for each = 1, count do
        at, why = inside(field.fields, field.key .. " " .. each, data, at, tree, before)
        if not at then return nil, why end
    end
    return at
end

function read_fields(fields, first, data, at, before, tree)
    for number_of_field = first, #fields do
        local field = fields[number_of_field]
        local function fits(place)
            local so_far = {}
            for key, value in pairs(before) do so_far[key] = value end
            return read_fields(fields, number_of_field + 1, data, place, so_far, nil) == data:len()
        end
        local stop, why = READ[field.type](field, data, at, before, tree, fits)
        if not stop then return nil, field.key .. ": " .. why end
        at = stop
    end
    return at
end

-- --- messages --------------------------------------------------------------------------------------------------

-- The table for a frame's DATA, chosen as `Dialect.decode` does: by command byte, then by length.
local function table_for(dialect, data)
    local sizes = {}
    for _, message in ipairs(dialect.messages) do
        if message.command == data:byte(1) then
            if not message.size or message.size == #data - 1 then return message end
            sizes[#sizes + 1] = message.size + 1
        end
    end
    local command = string.format("%02X", data:byte(1))
    if #sizes == 0 then return nil, dialect.name .. " has no command " .. command end
    return nil, command .. " has " .. table.concat(sizes, ", ") .. " bytes in " .. dialect.name .. ", not " .. #data
end

local function show_data(dialect, data, tree)
    tree:add(FIELDS["etclane.command"], data(0, 1))
    local message, why = table_for(dialect, data:raw())
    if not message then
        tree:add_proto_expert_info(misfit, why)
        return string.format("%02X", data(0, 1):uint())
    end
    tree:add(FIELDS["etclane.direction"], message.from_antenna and INBOUND or OUTBOUND):set_generated()
    local stop, reason = 0, nil
    if data:len() > 1 then
        local record = data(1):tvb()
        stop, reason = read_fields(message.fields, 1, record, 0, {}, tree)
        if stop and stop < record:len() then reason = record:len() - stop .. " bytes are left over" end
    elseif #message.fields > 0 then
        stop, reason = read_fields(message.fields, 1, data, 1, {}, nil)
    end
    if reason then tree:add_proto_expert_info(misfit, reason) end
    return string.format("%02X %s", message.command, message.title)
end

local function show_frame(dialect, piece, tvb, tree)
    local item = tree:add(dialect.proto, tvb(piece.at, piece.stop - piece.at))
    if piece.sequence then
        item:add(FIELDS["etclane.sequence"], tvb(piece.sequence_at, 1), piece.sequence)
    end
    local title = "empty answer"
    if #piece.data > 0 then
        local data = piece.data_at and tvb(piece.data_at, #piece.data):tvb()
            or ByteArray.new(piece.data, true):tvb("Unescaped")
        title = show_data(dialect, data, item)
    end
    item:set_text(dialect.name .. ": " .. title)
    local behind = dialect.family == "F1" and 1 or 0
    local place = tvb(piece.stop - behind - piece.checksum_size, piece.checksum_size)
    local checksum = item:add(FIELDS["etclane.checksum"], place, piece.stated)
    if piece.stated ~= piece.right then
        local right = string.format("%0" .. 2 * piece.checksum_size .. "x", piece.right)
        checksum:add_proto_expert_info(bad_checksum, "Bad checksum: the bytes give " .. right)
        title = title .. " [bad checksum]"
    end
    return title
end

-- Shows all pieces; gives where an open one begins. `waits`: TCP brings what is missing, so nothing is said of it.
local function show_stream(dialect, tvb, pinfo, tree, waits)
    local said, open = {}, nil
    for _, piece in ipairs(CUT[dialect.family](tvb:raw())) do
        if piece.open then
            open = piece.at
            if not waits then
                local item = tree:add(etclane, tvb(piece.at, piece.stop - piece.at), "unfinished frame / 未完的帧")
                item:add_proto_expert_info(unfinished)
                said[#said + 1] = "unfinished"
            end
        elseif piece.noise then
            local item = tree:add(etclane, tvb(piece.at, piece.stop - piece.at), "noise / 噪声")
            item:add_proto_expert_info(noise, piece.noise)
            said[#said + 1] = "noise"
        else
            said[#said + 1] = show_frame(dialect, piece, tvb, tree)
        end
    end
    pinfo.cols.protocol = dialect.name
    if #said > 0 then pinfo.cols.info = table.concat(said, "; ") end
    return open
end

-- --- air frames ------------------------------------------------------------------------------------------------
-- One packet is one frame, with or without flags and FCS. An answer of a card is read by its command, which came in
-- the frame before it to the same tag: `exchange` holds what this packet asks and which commands it answers.

local FLAG, LPDU, UPLINK, ACN, SEQUENCE = 0x7E, 0x40, 0x80, 0x77, 0x80
local exchange = { asked = {}, answered = {}, count = 0 }

local function show_sized(tables, payload, title, item)
    for _, each in ipairs(tables) do
        if payload and (not each.size or each.size == payload:len()) then
            read_fields(each.fields, 1, payload:tvb(), 0, {}, item:add(etclane, payload, title))
            return
        end
    end
end

function SHOW_APDU.command(range, item, transfer)
    local header = range:bytes():tohex(true):sub(1, 10)
    local card = transfer.channel == AIR.card_channel
    for _, form in ipairs(AIR.forms) do
        if header:find("^" .. form.header) and not (card and form.psam) then
            exchange.asked[#exchange.asked + 1] = form
            item:add(FIELDS["etclane.apdu"], range, form.title)
            local size = range:len() > 5 and range(4, 1):uint() or 0
            local payload = size > 0 and size <= range:len() - 5 and range(5, size) or nil
            show_sized({ form.data }, payload, form.title, item)
            return
        end
    end
end

function SHOW_APDU.answer(range, item)
    exchange.count = exchange.count + 1
    local form = exchange.answered[exchange.count]
    if form then item:add(FIELDS["etclane.apdu"], range, form.title):set_generated() end
    if range:len() < 2 then return end
    local word = range(range:len() - 2, 2)
    local status = item:add(FIELDS["etclane.apdu.sw"], word)
    for _, each in ipairs(AIR.status_words) do
        if word:bytes():tohex(true):find("^" .. each.pattern) then
            status:append_text(" " .. each.text)
            break
        end
    end
    if form and range:len() > 2 then show_sized(form.answers, range(0, range:len() - 2), form.title, item) end
end

local function pdu_at(data, at)
    if bit.band(data(at, 1):uint(), 0x81) ~= 0x81 then return nil, "no fragmentation header" end
    local choice = AIR.switch
    while not choice.table do
        if at + choice.at >= data:len() then return nil, "the T-APDU ends before it says what it is" end
        local key, chosen = bit.band(data(at + choice.at, 1):uint(), choice.mask), choice.other
        for _, case in ipairs(choice.cases) do
            if case.key == key then chosen = case.to end
        end
        choice = chosen
    end
    local pdu = AIR.pdus[choice.table]
    local stop, why = read_fields(pdu.fields, 1, data, at, {}, nil)
    return stop and pdu, stop or why
end

local function show_pdus(data, at, tree)
    local titles = {}
    while at < data:len() do
        local pdu, stop = pdu_at(data, at)
        if not pdu then
            local remainder = tree:add(etclane, data(at), "remainder / 其余")
            if #titles == 0 then remainder:add_proto_expert_info(misfit, stop) end
            break
        end
        local item = tree:add(AIR.proto, data(at, stop - at))
        item:set_text(pdu.title)
        read_fields(pdu.fields, 1, data, at, {}, item)
        titles[#titles + 1], at = pdu.title, stop
    end
    return table.concat(titles, " + ")
end

-- Whether these bytes, flags taken off or not, are a frame with a T-APDU.
local function reads(data)
    local before = {}
    local at = read_fields(AIR.head, 1, data, 0, before, nil)
    if not at or bit.band(before.control, LPDU) == 0 then return false end
    return at < data:len() and pdu_at(data, at) ~= nil
end

-- Without flags and FCS, and the variant of the FCS: as protocols/dsrc/link.py takes them off.
local function air_body(tvb)
    local bytes = tvb:raw()
    local flagged = #bytes > 2 and bytes:byte(1) == FLAG and bytes:byte(-1) == FLAG
    for _, cut in ipairs(flagged and { 1, 0 } or { 0 }) do
        local stop = #bytes - cut
        for _, variant in ipairs(AIR.variants) do
            local stated = stop - cut > 2 and bytes:byte(stop) * 256 + bytes:byte(stop - 1)
            local written = bytes:sub(cut + 1, stop - 2):find("[^\0]") -- zeros have a right FCS too
            if stated and written and crc_x25(bytes, cut, stop - 2, variant.preset) == stated then
                return tvb(cut, stop - cut - 2):tvb(), variant, tvb(stop - 2, 2)
            end
        end
    end
    local inner = flagged and tvb(1, #bytes - 2):tvb()
    if not inner or reads(tvb) and not reads(inner) then return tvb end
    return inner
end

local function show_air(tvb, pinfo, tree, data, variant, fcs)
    local before = {}
    local item = tree:add(AIR.proto, tvb(), "air frame / 空口帧")
    local at, why = read_fields(AIR.head, 1, data, 0, before, item)
    pinfo.cols.protocol = AIR.name
    if not at then
        item:add_proto_expert_info(misfit, why)
        return
    end
    local uplink = bit.band(before.control, UPLINK) ~= 0
    item:add(FIELDS["etclane.direction"], uplink and "OBU->RSU" or "RSU->OBU"):set_generated()
    local address = data(0, 4)
    if address:uint() ~= 0xFFFFFFFF then
        item:add(FIELDS["etclane.obu_id"], address, address:bytes():tohex(true)):set_hidden()
    end
    if bit.band(before.control, LPDU) ~= 0 then
        pinfo.cols.info = show_pdus(data, at, item)
    elseif at < data:len() then
        item:add(etclane, data(at), "remainder / 其余")
    end
    if variant then item:add_le(FIELDS["etclane.checksum"], fcs):append_text(" (" .. variant.name .. ")") end
end

-- --- captures --------------------------------------------------------------------------------------------------

local interface_id = Field.new("frame.interface_id")
local interface_description = Field.new("frame.interface_description")

local streams, packets, asked = {}, {}, {}
-- What is open of each direction of each interface; what each packet needs of the packets before it; the forms of
-- the card commands that each tag was sent last, and the LLC control of that frame.

function etclane.init()
    streams, packets, asked = {}, {}, {}
end

-- The dialect whose name is one of the description's words.
local function described(description)
    if by_name[description] then return by_name[description] end
    for word in description:lower():gmatch("[%w-]+") do
        if by_name[word] then return by_name[word] end
    end
    return nil
end

-- Each packet is placed in its stream once, in the order of the capture. `pinfo.visited` does not tell when: in the
-- first of tshark's two passes no field of the frame is known, so neither are dialect and interface.
local function show_chunk(dialect, tvb, pinfo, tree)
    local stream = tostring(interface_id()) .. ":" .. pinfo.p2p_dir
    local packet = pinfo.number .. "@" .. stream
    local placed = packets[packet] ~= nil
    if not placed then
        local before = streams[stream]
        packets[packet] = before and pinfo.abs_ts - before.since < PATIENCE and before.bytes or ""
    end
    local held = packets[packet]
    local whole = held == "" and tvb or ByteArray.new(held .. tvb:raw(), true):tvb("Reassembled")
    local open = show_stream(dialect, whole, pinfo, tree, false)
    if not placed then
        streams[stream] = open and { bytes = whole:raw(open), since = pinfo.abs_ts } or nil
    end
end

-- The forms of the commands that this frame answers: as protocols/dsrc/link.py pairs them, by the sequence bit.
local function answered_by(head, tag)
    local command = asked[tag]
    if not command or command.llc % SEQUENCE ~= ACN or head.llc ~= bit.bxor(command.llc, SEQUENCE) then return {} end
    return command.forms
end

local function show_air_packet(tvb, pinfo, tree)
    local data, variant, fcs = air_body(tvb)
    local head = {}
    local spoken_to = read_fields(AIR.head, 1, data, 0, head, nil) and head.llc and data:raw(0, 4)
    local uplink = spoken_to and bit.band(head.control, UPLINK) ~= 0
    local placed = packets[pinfo.number] ~= nil
    if not placed then packets[pinfo.number] = uplink and answered_by(head, spoken_to) or {} end
    exchange = { asked = {}, answered = packets[pinfo.number], count = 0 }
    show_air(tvb, pinfo, tree, data, variant, fcs)
    if spoken_to and not uplink and not placed then asked[spoken_to] = { llc = head.llc, forms = exchange.asked } end
end

function etclane.dissector(tvb, pinfo, tree)
    local root = tree:add(etclane, tvb())
    local description = tostring(interface_description() or "")
    if description == BARRIER then
        root:add(FIELDS["etclane.input"], tvb(), tvb():string())
        pinfo.cols.protocol, pinfo.cols.info = "barrier", tvb():string()
        return
    end
    local dialect = spoken[etclane.prefs.dialect] or described(description)
    if dialect == AIR then
        show_air_packet(tvb, pinfo, root)
    elseif dialect then
        show_chunk(dialect, tvb, pinfo, root)
    else
        root:add_proto_expert_info(unknown)
    end
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, etclane)

-- --- TCP -------------------------------------------------------------------------------------------------------

for _, dialect in ipairs(TABLES.dialects) do
    function dialect.proto.dissector(tvb, pinfo, tree)
        local waits = pinfo.can_desegment > 0
        local open = show_stream(dialect, tvb, pinfo, tree:add(etclane, tvb()), waits)
        if open and waits then
            pinfo.desegment_offset, pinfo.desegment_len = open, DESEGMENT_ONE_MORE_SEGMENT
        end
    end
    DissectorTable.get("tcp.port"):add_for_decode_as(dialect.proto)
end
