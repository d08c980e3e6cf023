import Foundation
import Postgres
import Testing

extension IntegrationTests {
    /// PostgreSQL on a disk without room.
    @Suite(
        .system(workers: 0),
        .enabled(if: SmallDisk.mountPoint != nil, "only root can mount a file system"))
    struct FullDisks {
        let system = System.current

        @Test func aFullDiskCostsNoAttemptAndLosesNothing() async throws {
            // The programs of the suite belong to the other database.
            await system.end()
            let disk = try await SmallDisk(megabytes: 192)
            do {
                try await fillUnderLoad(disk)
            } catch {
                await system.end()
                try await disk.remove()
                throw error
            }
            await system.end()
            try await disk.remove()
        }

        private func fillUnderLoad(_ disk: SmallDisk) async throws {
            let migration = try await claimctl("migrate")
            try #require(migration.code == 0, "\(migration.text)")
            let api = try await system.startAPI()
            for name in ["worker-1", "worker-2"] { try await system.startWorker(name) }
            let coupons = try await (0..<10).asyncMap { try await api.coupon("DISK_\($0)", amount: 5000) }
            let logs = ["worker-1", "worker-2"].map { "\(Setup.runFolder)/logs/test-\($0)" }
            let earlier = try logs.map { try String(contentsOfFile: $0, encoding: .utf8).count }
            func new() throws -> String {
                try zip(logs, earlier).map { String(try String(contentsOfFile: $0, encoding: .utf8).dropFirst($1)) }
                    .joined()
            }

            let load = Load(api, coupons)
            async let sent: Void = load.run()
            do {
                try await load.makesProgress()
                try disk.fill()
                try await eventually("a worker to report the outage") { try new().contains("store unavailable") }
                // Claims go on being accepted, for longer than some retries would take.
                let start = ContinuousClock.now
                while ContinuousClock.now - start < .seconds(4) { try await load.makesProgress() }
                let outage = try new()
                #expect(outage.contains("No space left on device"), "\(outage)")
                try disk.free()
                // A server that could not write its log ends, and an operator starts it.
                try await Server.postgres.start()
                try await load.makesProgress()
            } catch {
                load.stop()
                throw error
            }
            load.stop()
            try await sent

            let ids = load.accepted
            try await eventually("\(ids.count) accepted claims to be decided", within: .seconds(60)) {
                try Database.number("select count(*) from claims where id = any($1)", .texts(ids)) == ids.count
            }
            let rows = try Database.rows(
                "select status, attempts, count(*) from claims where id = any($1) group by 1, 2", columns: 3,
                .texts(ids))
            #expect(rows == [["claimed", "1", String(ids.count)]], "no attempt was used up")
            let lines = try new().split(separator: "\n")
            #expect(lines.count <= 20, "\(lines)")
            let audit = try await claimctl("audit")
            #expect(audit.code == 0, "\(audit.text)")
        }
    }
}
