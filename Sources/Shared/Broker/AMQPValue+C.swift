internal import CRabbitMQ
internal import OrderedCollections

/// Allocates the C structures of one library call.
///
/// Wraps librabbitmq's memory pool (`amqp_pool_t`): everything allocated is valid until ``recycle()``.
final class AMQPMemoryPool {
    private let pool: UnsafeMutablePointer<amqp_pool_t>

    init() {
        pool = .allocate(capacity: 1)
        init_amqp_pool(pool, 16 * 1024)
    }

    deinit {
        empty_amqp_pool(pool)
        pool.deallocate()
    }

    /// Invalidates everything that has been allocated so far.
    func recycle() {
        recycle_amqp_pool(pool)
    }

    func bytes(_ text: String) -> amqp_bytes_t {
        var text = text
        return text.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
    }

    func bytes(_ bytes: [UInt8]) -> amqp_bytes_t {
        bytes.withUnsafeBytes { copy($0) }
    }

    private func copy(_ source: UnsafeRawBufferPointer) -> amqp_bytes_t {
        guard let start = source.baseAddress, source.count > 0 else { return amqp_bytes_t(len: 0, bytes: nil) }
        var target = amqp_bytes_t()
        amqp_pool_alloc_bytes(pool, source.count, &target)
        target.bytes.copyMemory(from: start, byteCount: source.count)
        return target
    }

    func table(_ table: AMQPTable) -> amqp_table_t {
        guard !table.isEmpty else { return amqp_table_t(num_entries: 0, entries: nil) }
        let entries = allocate(amqp_table_entry_t.self, count: table.count)
        for (index, (key, value)) in table.enumerated() {
            entries[index] = amqp_table_entry_t(key: bytes(key), value: field(value))
        }
        return amqp_table_t(num_entries: Int32(table.count), entries: entries)
    }

    private func allocate<Element>(_: Element.Type, count: Int) -> UnsafeMutablePointer<Element> {
        amqp_pool_alloc(pool, MemoryLayout<Element>.stride * count).bindMemory(to: Element.self, capacity: count)
    }

    private func field(_ value: AMQPValue) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        func set(_ kind: amqp_field_value_kind_t) { field.kind = UInt8(kind.rawValue) }
        switch value {
        case .boolean(let value): set(AMQP_FIELD_KIND_BOOLEAN); field.value.boolean = value ? 1 : 0
        case .int8(let value): set(AMQP_FIELD_KIND_I8); field.value.i8 = value
        case .uint8(let value): set(AMQP_FIELD_KIND_U8); field.value.u8 = value
        case .int16(let value): set(AMQP_FIELD_KIND_I16); field.value.i16 = value
        case .uint16(let value): set(AMQP_FIELD_KIND_U16); field.value.u16 = value
        case .int32(let value): set(AMQP_FIELD_KIND_I32); field.value.i32 = value
        case .uint32(let value): set(AMQP_FIELD_KIND_U32); field.value.u32 = value
        case .int64(let value): set(AMQP_FIELD_KIND_I64); field.value.i64 = value
        case .uint64(let value): set(AMQP_FIELD_KIND_U64); field.value.u64 = value
        case .float(let value): set(AMQP_FIELD_KIND_F32); field.value.f32 = value
        case .double(let value): set(AMQP_FIELD_KIND_F64); field.value.f64 = value
        case .decimal(let places, let value):
            set(AMQP_FIELD_KIND_DECIMAL)
            field.value.decimal = amqp_decimal_t(decimals: places, value: value)
        case .string(let value): set(AMQP_FIELD_KIND_UTF8); field.value.bytes = bytes(value)
        case .rawString(let value): set(AMQP_FIELD_KIND_UTF8); field.value.bytes = bytes(value)
        case .bytes(let value): set(AMQP_FIELD_KIND_BYTES); field.value.bytes = bytes(value)
        case .timestamp(let value): set(AMQP_FIELD_KIND_TIMESTAMP); field.value.u64 = value
        case .array(let values):
            set(AMQP_FIELD_KIND_ARRAY)
            let entries = allocate(amqp_field_value_t.self, count: max(1, values.count))
            for (index, value) in values.enumerated() { entries[index] = self.field(value) }
            field.value.array = amqp_array_t(num_entries: Int32(values.count), entries: entries)
        case .table(let value): set(AMQP_FIELD_KIND_TABLE); field.value.table = table(value)
        case .void: set(AMQP_FIELD_KIND_VOID)
        }
        return field
    }
}

extension amqp_bytes_t {
    var array: [UInt8] {
        guard let bytes, len > 0 else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: len))
    }

    /// The bytes as text; invalid UTF-8 is replaced by U+FFFD.
    var text: String {
        guard let bytes, len > 0 else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: len), as: UTF8.self)
    }
}

extension OrderedDictionary where Key == String, Value == AMQPValue {
    /// Copies a table out of librabbitmq's memory. The last value of a repeated key is kept.
    init(_ table: amqp_table_t) {
        self.init(minimumCapacity: Int(table.num_entries))
        for index in 0..<Int(table.num_entries) {
            let entry = table.entries[index]
            self[entry.key.text] = AMQPValue(entry.value)
        }
    }
}

extension AMQPValue {
    /// Copies a value out of librabbitmq's memory.
    init(_ field: amqp_field_value_t) {
        switch amqp_field_value_kind_t(UInt32(field.kind)) {
        case AMQP_FIELD_KIND_BOOLEAN: self = .boolean(field.value.boolean != 0)
        case AMQP_FIELD_KIND_I8: self = .int8(field.value.i8)
        case AMQP_FIELD_KIND_U8: self = .uint8(field.value.u8)
        case AMQP_FIELD_KIND_I16: self = .int16(field.value.i16)
        case AMQP_FIELD_KIND_U16: self = .uint16(field.value.u16)
        case AMQP_FIELD_KIND_I32: self = .int32(field.value.i32)
        case AMQP_FIELD_KIND_U32: self = .uint32(field.value.u32)
        case AMQP_FIELD_KIND_I64: self = .int64(field.value.i64)
        case AMQP_FIELD_KIND_U64: self = .uint64(field.value.u64)
        case AMQP_FIELD_KIND_F32: self = .float(field.value.f32)
        case AMQP_FIELD_KIND_F64: self = .double(field.value.f64)
        case AMQP_FIELD_KIND_DECIMAL:
            self = .decimal(places: field.value.decimal.decimals, value: field.value.decimal.value)
        case AMQP_FIELD_KIND_UTF8:
            let bytes = field.value.bytes.array
            self = String(validating: bytes, as: UTF8.self).map(AMQPValue.string) ?? .rawString(bytes)
        case AMQP_FIELD_KIND_BYTES: self = .bytes(field.value.bytes.array)
        case AMQP_FIELD_KIND_TIMESTAMP: self = .timestamp(field.value.u64)
        case AMQP_FIELD_KIND_ARRAY:
            let array = field.value.array
            self = .array((0..<Int(array.num_entries)).map { AMQPValue(array.entries[$0]) })
        case AMQP_FIELD_KIND_TABLE: self = .table(AMQPTable(field.value.table))
        default: self = .void
        }
    }
}
