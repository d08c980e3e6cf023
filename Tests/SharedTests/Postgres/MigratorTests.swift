import Foundation
import Postgres
import Testing

@Suite final class MigratorTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "migrations-\(UUID())")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    private func write(_ name: String, _ text: String = "select 1") throws {
        try Data(text.utf8).write(to: folder.appending(path: name))
    }

    @Test func migrationsAreOrderedByNumber() throws {
        for name in ["10_last.sql", "9_middle.sql", "001_first.sql"] { try write(name) }
        let migrations = try Migrator(folder: folder).migrations
        #expect(migrations.map(\.number) == [1, 9, 10])
        #expect(migrations.map(\.name) == ["001_first", "9_middle", "10_last"])
    }

    @Test func aMigrationHasTheTextOfItsFile() throws {
        try write("001_größe.sql", "select 'groß';\n")
        #expect(try Migrator(folder: folder).migrations.map(\.sql) == ["select 'groß';\n"])
    }

    @Test func aFileMayConsistOfStatementsWithoutATransaction() throws {
        try write("1_a.sql", "create table a (b text default ';');\ncreate table c ();\n")
        try write(
            "2_b.sql", "-- no transaction\n-- Why; and how.\ndrop index a;\n-- More.\ncreate index a\n    on b (c);\n")
        let migrations = try Migrator(folder: folder).migrations
        #expect(migrations.map(\.isTransaction) == [true, false])
        #expect(migrations[1].statements == ["drop index a", "create index a\n    on b (c)"])
    }

    @Test func filesWithoutANumberOrWithAnotherExtensionAreIgnored() throws {
        for name in ["001_first.sql", "notes.sql", "002_second.txt", "README"] { try write(name) }
        #expect(try Migrator(folder: folder).migrations.map(\.name) == ["001_first"])
    }

    @Test func aMissingFolderIsAnError() {
        #expect(throws: (any Error).self) { try Migrator(folder: folder.appending(path: "missing")) }
    }
}
