import Testing

@testable import Postgres
@testable import RuntimeSupport

/// The binary format that the server's `*recv` functions expect.
@Suite struct PostgresParameterTests {
    @Test func aTextIsEncodedAsUTF8() {
        #expect(PostgresParameter.text("größe").bytes == Array("größe".utf8))
        #expect(PostgresParameter.text("").bytes == [])
        #expect(PostgresParameter.text(nil).bytes == nil)
    }

    @Test func anIntegerHasEightBytesInBigEndianOrder() {
        #expect(PostgresParameter.integer(258).bytes == [0, 0, 0, 0, 0, 0, 1, 2])
        #expect(PostgresParameter.integer(-2).bytes == [255, 255, 255, 255, 255, 255, 255, 254])
        #expect(PostgresParameter.integer(nil).bytes == nil)
    }

    @Test func aBooleanIsOneByte() {
        #expect(PostgresParameter.boolean(true).bytes == [1])
        #expect(PostgresParameter.boolean(false).bytes == [0])
    }

    @Test func aTimestampCountsMicrosecondsSince2000() {
        let start = Timestamp(milliseconds: 946_684_800_000)
        #expect(PostgresParameter.timestamp(start).bytes == [0, 0, 0, 0, 0, 0, 0, 0])
        let later = Timestamp(milliseconds: 946_684_800_001)
        #expect(PostgresParameter.timestamp(later).bytes == [0, 0, 0, 0, 0, 0, 3, 232])
        let earlier = Timestamp(milliseconds: 946_684_799_999)
        #expect(PostgresParameter.timestamp(earlier).bytes == [255, 255, 255, 255, 255, 255, 252, 24])
        #expect(PostgresParameter.timestamp(nil).bytes == nil)
    }

    @Test func anArrayHasItsDimensionElementTypeAndElements() {
        #expect(
            PostgresParameter.texts(["ab", ""]).bytes
                == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 97, 98, 0, 0, 0, 0])
        #expect(
            PostgresParameter.integers([1]).bytes
                == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1])
    }

    @Test func aTimestampIsEncodedAlikeInAnArray() {
        let time = Timestamp(milliseconds: 1_795_368_454_123)
        #expect(PostgresParameter.timestamps([time]).bytes?.suffix(8) == PostgresParameter.timestamp(time).bytes?[...])
    }

    @Test func anEmptyArrayHasNoDimension() {
        #expect(PostgresParameter.texts([]).bytes == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25])
    }

    /// The OIDs of `pg_type.dat`.
    @Test func everyParameterHasTheOIDOfItsType() {
        let parameters: [PostgresParameter] = [
            .text(""), .integer(0), .boolean(true), .timestamp(nil), .texts([]), .integers([]), .timestamps([]),
        ]
        #expect(parameters.map(\.type) == [25, 20, 16, 1184, 1009, 1016, 1185])
    }
}
