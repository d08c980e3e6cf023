import Claims
import Postgres
import Testing

@Suite struct PostgresErrorConflictTests {
    private func error(_ state: String?, constraint: String? = nil) -> PostgresError {
        PostgresError(sqlState: state, message: "it failed", constraint: constraint)
    }

    @Test(arguments: ["40001", "40P01"])
    func aSerializationFailureIsAConflict(_ state: String) {
        #expect(error(state).isConflict)
    }

    @Test(arguments: ["claims_pkey", "user_claims_one_per_slot", "user_claims_one_per_claim"])
    func aDuplicateRowOfAConcurrentTransactionIsAConflict(_ constraint: String) {
        #expect(error("23505", constraint: constraint).isConflict)
    }

    @Test(arguments: ["coupons_name_key", "", nil])
    func anyOtherDuplicateRowIsNoConflict(_ constraint: String?) {
        #expect(!error("23505", constraint: constraint).isConflict)
    }

    @Test func aConflictNeedsMoreThanTheConstraintsName() {
        #expect(!error("23514", constraint: "claims_pkey").isConflict)
        #expect(!error(nil, constraint: "claims_pkey").isConflict)
    }

    @Test(arguments: ["55P03", "57014"])
    func aTimeoutIsNoConflict(_ state: String) {
        #expect(!error(state).isConflict)
    }
}
