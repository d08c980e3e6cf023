import Foundation
import Testing

/// Processes whose clock differs, by Debian's libfaketime.
enum Clock {
    static func shifted(by offset: String) throws -> [String: String] {
        let folders = try FileManager.default.contentsOfDirectory(atPath: "/usr/lib").filter { $0.contains("-linux-") }
        let libraries = folders.map { "/usr/lib/\($0)/faketime/libfaketime.so.1" }
        let library = try #require(libraries.first(where: FileManager.default.fileExists), "libfaketime is missing")
        return ["LD_PRELOAD": library, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"]
    }
}
