internal import Foundation
package import Postgres

/// The tables of claims and coupons.
package enum Schema {
    /// Returns the migrations that are built into the programs.
    ///
    /// - Throws: an error of Foundation if their files are missing.
    package static func migrator() throws -> Migrator {
        try Migrator(folder: Bundle.module.resourceURL?.appending(path: "Migrations") ?? Bundle.module.bundleURL)
    }
}
