import Testing

@testable import Postgres

@Suite struct PostgresAvailabilityTests {
    private let start = ContinuousClock.now
    private var availability = PostgresAvailability()

    private mutating func failed(_ seconds: Double) -> PostgresAvailability.Change? {
        availability.failed(at: start + .seconds(seconds))
    }

    private mutating func succeeded(_ seconds: Double) -> PostgresAvailability.Change? {
        availability.succeeded(at: start + .seconds(seconds))
    }

    @Test mutating func theFirstSuccessIsAConnection() {
        #expect(succeeded(0) == .connected)
        #expect(succeeded(1) == nil)
    }

    @Test mutating func anOutageBeginsOnce() {
        _ = succeeded(0)
        #expect(failed(1) == .lost)
        for second in 2...100 { #expect(failed(Double(second)) == nil) }
    }

    @Test mutating func anOutageBeforeTheFirstConnectionIsOneToo() {
        #expect(failed(0) == .lost)
        #expect(succeeded(60) == .recovered(after: .zero))
        #expect(succeeded(61) == nil)
    }

    /// A table is locked, and requests for others succeed.
    @Test mutating func whileSomeCallsFailTheOutageGoesOn() {
        _ = succeeded(0)
        #expect(failed(1) == .lost)
        for second in 2...60 {
            #expect(succeeded(Double(second)) == nil)
            #expect(failed(Double(second) + 0.5) == nil)
        }
        #expect(succeeded(65) == nil)
        #expect(succeeded(65.5) == .recovered(after: .seconds(59.5)))
    }

    @Test mutating func theNextOutageIsAnother() {
        #expect(failed(0) == .lost)
        #expect(succeeded(10) == .recovered(after: .zero))
        #expect(failed(11) == .lost)
    }
}
