import Broker
import OrderedCollections
import Testing

@Suite struct AMQPValueTests {
    @Test(
        arguments: [
            (.int8(-3), -3), (.uint8(3), 3), (.int16(-3), -3), (.uint16(3), 3), (.int32(-3), -3), (.uint32(3), 3),
            (.int64(.min), .min), (.uint64(3), 3),
        ] as [(AMQPValue, Int64)])
    func integersOfAnyWidthAreIntegers(_ value: AMQPValue, _ number: Int64) {
        #expect(value.integer == number)
    }

    @Test func anIntegerAboveInt64MaxIsNoInteger() {
        #expect(AMQPValue.uint64(.max).integer == nil)
    }

    @Test(arguments: [AMQPValue.string("3"), .double(3), .boolean(true), .timestamp(3), .void, .array([.int8(3)])])
    func otherTypesAreNoIntegers(_ value: AMQPValue) {
        #expect(value.integer == nil)
    }

    @Test func stringArrayAndTableMatchTheirOwnTypeOnly() {
        let (text, list, table) = (AMQPValue.string("a"), AMQPValue.array([.void]), AMQPValue.table(["k": .void]))
        #expect([text, list, table, .bytes([97])].map(\.string) == ["a", nil, nil, nil])
        #expect([text, list, table].map(\.array) == [nil, [.void], nil])
        #expect([text, list, table].map(\.table) == [nil, nil, ["k": .void]])
    }
}
