import Foundation

/// A small file system in memory with a new database of PostgreSQL on it, in place of the one of the test run.
struct SmallDisk {
    /// Where `deploy/test` allows a file system to be mounted; nil if it cannot mount one. It unmounts what is left.
    static let mountPoint = ProcessInfo.processInfo.environment["CLAIMS_TEST_DISK"].flatMap { $0.isEmpty ? nil : $0 }

    private let path: String
    private static let data = "\(Setup.runFolder)/data/postgres"
    private static let kept = data + ".kept"
    private var ballast: String { path + "/ballast" }

    /// Moves the database aside, and starts PostgreSQL with a new one.
    init(megabytes: Int) async throws {
        guard let mountPoint = Self.mountPoint else { throw TestFailure(description: "no file system can be mounted") }
        path = mountPoint
        let files = FileManager.default
        try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        try await Self.command("mount", "-t", "tmpfs", "-o", "size=\(megabytes)m,mode=755", "claims-test", path)
        try await Server.postgres.stop()
        try files.moveItem(atPath: Self.data, toPath: Self.kept)
        // The first start creates the database.
        try await Server.postgres.start()
        try await Server.postgres.stop()
        try await Self.command("mv", Self.data, path + "/postgres")
        try files.createSymbolicLink(atPath: Self.data, withDestinationPath: path + "/postgres")
        try await Server.postgres.start()
    }

    /// Writes a file until no byte is free.
    func fill() throws {
        let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(file) }
        for size in [1 << 20, 1 << 12] {
            let block = [UInt8](repeating: 0, count: size)
            while write(file, block, size) > 0 {}
            guard errno == ENOSPC else { throw TestFailure(description: "filling \(path): errno \(errno)") }
        }
    }

    /// Makes room again.
    func free() throws {
        try FileManager.default.removeItem(atPath: ballast)
    }

    /// Brings the database of the test run back.
    func remove() async throws {
        let files = FileManager.default
        try await Server.postgres.stop()
        try? files.removeItem(atPath: Self.data)
        try files.moveItem(atPath: Self.kept, toPath: Self.data)
        try await Self.command("umount", path)
        try await Server.postgres.start()
    }

    private static func command(_ name: String, _ arguments: String...) async throws {
        let result = try await Program.run("/usr/bin/env", [name] + arguments)
        if result.code != 0 { throw TestFailure(description: "\(name) \(arguments): \(result.text)") }
    }
}
