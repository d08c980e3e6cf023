import Postgres
import Testing

@Suite struct PostgresErrorTests {
    private func error(_ state: String?, constraint: String? = nil) -> PostgresError {
        PostgresError(sqlState: state, message: "it failed", constraint: constraint)
    }

    @Test func noAnswerAtAllIsAnOutage() {
        #expect(error(nil).isOutage)
    }

    @Test(arguments: [
        "08006", "08001", "28P01", "3D000", "53300", "53100", "53200", "57P01", "57P02", "57P03", "58030", "F0000",
        "XX000", "25006", "42P01", "42703", "42883", "42501",
    ])
    func aServerThatIsNotWellIsAnOutage(_ state: String) {
        #expect(error(state).isOutage)
    }

    @Test(arguments: [
        "22P02", "22001", "22003", "23502", "23503", "23505", "23514", "40001", "40P01", "42601", "55P03", "57014",
        "P0001", "21000",
    ])
    func aStatementThatFailsIsNoOutage(_ state: String) {
        #expect(!error(state).isOutage)
    }

    @Test(arguments: ["40001", "40P01"])
    func twoTransactionsThatMetAreAConflict(_ state: String) {
        #expect(error(state).isConflict)
    }

    @Test(arguments: ["claims_pkey", "user_claims_one_per_slot", "user_claims_one_per_claim"])
    func anotherTransactionsSameRowIsAConflict(_ constraint: String) {
        #expect(error("23505", constraint: constraint).isConflict)
    }

    @Test(arguments: ["coupons_name_key", "", nil])
    func anyOtherDoubleIsNoConflict(_ constraint: String?) {
        #expect(!error("23505", constraint: constraint).isConflict)
    }

    @Test func aConflictNeedsMoreThanTheConstraintsName() {
        #expect(!error("23514", constraint: "claims_pkey").isConflict)
        #expect(!error(nil, constraint: "claims_pkey").isConflict)
    }

    @Test(arguments: ["55P03", "57014"])
    func aStatementThatWaitedTooLongIsATimeout(_ state: String) {
        #expect(error(state).isTimeout)
        #expect(!error(state).isOutage)
        #expect(!error(state).isConflict)
    }

    @Test(arguments: ["57P01", "40001", "08006", nil])
    func nothingElseIsATimeout(_ state: String?) {
        #expect(!error(state).isTimeout)
    }

    @Test func theDescriptionNamesTheState() {
        #expect("\(error("40001"))" == "it failed (SQLSTATE 40001)")
        #expect("\(error(nil))" == "it failed")
    }
}
