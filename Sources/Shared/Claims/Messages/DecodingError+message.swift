extension DecodingError {
    /// Says what is wrong with the JSON, naming the field: `user_id is missing`.
    package var message: String {
        switch self {
        case .keyNotFound(let key, let context):
            return "\(Self.path(context.codingPath + [key])) is missing"
        case .typeMismatch(let type, let context):
            return context.codingPath.isEmpty
                ? "the body must be a JSON object" : "\(Self.path(context.codingPath)) must be \(Self.word(for: type))"
        case .valueNotFound(let type, let context):
            return context.codingPath.isEmpty
                ? "the body must be a JSON object"
                : "\(Self.path(context.codingPath)) must be \(Self.word(for: type)), not null"
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "the body is not valid JSON" : "\(Self.path(context.codingPath)) \(context.debugDescription)"
        @unknown default:
            return "the body is not valid"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }

    private static func word(for type: Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [Any].Type: "a list"
        default: "an object"
        }
    }
}

extension KeyedDecodingContainer {
    /// Decodes a whole number.
    ///
    /// For a number such as `1.5` Foundation's decoder throws an error that does not name the field; this one does.
    /// - Throws: `DecodingError`.
    package func decodeWholeNumber(forKey key: Key) throws -> Int {
        do {
            return try decode(Int.self, forKey: key)
        } catch let error as DecodingError {
            throw error
        } catch {
            throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "must be a whole number")
        }
    }
}
