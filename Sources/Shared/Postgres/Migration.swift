internal import Foundation

/// A numbered SQL file that changes the schema.
package struct Migration: Hashable, Sendable {
    package let number: Int
    /// The file's name without its extension.
    package let name: String
    package let sql: String

    package init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    /// Whether the file runs in one transaction. If not, its first line is `-- no transaction`, and running it again after
    /// an interruption must do no harm: for statements such as `create index concurrently`.
    package var isTransaction: Bool { !sql.hasPrefix("-- no transaction\n") }

    /// The statements of a file that is no transaction. Each ends with a semicolon at the end of a line.
    package var statements: [String] {
        sql.split(separator: ";\n").map { part in
            part.split(separator: "\n").filter { !$0.hasPrefix("--") }.joined(separator: "\n")
        }.filter { !$0.allSatisfy(\.isWhitespace) }
    }

    /// Reads the SQL files of a folder, in order. A file's name begins with the number of its migration; other files are
    /// ignored.
    ///
    /// - Throws: a Foundation error if the folder or a file cannot be read.
    static func all(in folder: URL) throws -> [Migration] {
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "sql" }.compactMap { file in
            let name = file.deletingPathExtension().lastPathComponent
            guard let number = Int(name.prefix { $0.isNumber }) else { return nil }
            return Migration(number: number, name: name, sql: try String(contentsOf: file, encoding: .utf8))
        }.sorted { $0.number < $1.number }
    }
}
